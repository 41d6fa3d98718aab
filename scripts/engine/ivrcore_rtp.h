/*
 * RTP of ivrcore's engine: which port a call gets, and whose packets it hears. Compiled into pjproject, which asks it
 * at the places in corrections.py; sip/pjsua/rtp.py reads its counters. docs/engine.md has the rules.
 */
#ifndef IVRCORE_RTP_H
#define IVRCORE_RTP_H

#include <pj/errno.h>
#include <pj/sock.h>
#include <pj/types.h>

PJ_BEGIN_DECL

/* Every port of the range is in use or rests. Beyond all ranges that pjproject's libraries have taken. */
#define IVRCORE_ENORTPPORT  (PJ_ERRNO_START_USER + PJ_ERRNO_SPACE_SIZE * 20)

/*
 * Whose packets one media transport takes. Owned by the transport, all zero before ivrcore_source_begin. An address of
 * family 0 is none.
 */
typedef struct ivrcore_source
{
    pj_sockaddr     signalled_rtp;      /* Where the far end's SDP says it is. */
    pj_sockaddr     signalled_rtcp;
    pj_sockaddr     heard_rtp;          /* Who is heard; none before the first packet. */
    pj_sockaddr     heard_rtcp;
    pj_uint16_t     port;               /* Ours, of RTP. */
    pj_bool_t       follows_rtcp;       /* Whether our RTCP may go to where the last one came from. */
} ivrcore_source;

/* -- asked by pjsua ------------------------------------------------------------------------------------------------ */

/*
 * The next RTP port to try, from first to first + extent, both even. `tried`: how many this call has found busy.
 * Fails with IVRCORE_ENORTPPORT.
 */
pj_status_t ivrcore_rtp_choose(unsigned first, unsigned extent, unsigned tried, pj_uint16_t *port);

/* Sockets are bound to the port and the next: it is in use until its transport ends. */
void ivrcore_rtp_take(unsigned port);

/* -- asked by the media transport ---------------------------------------------------------------------------------- */

/* A transport begins with this socket: its port's counter starts from 0. */
void ivrcore_source_begin(ivrcore_source *source, pj_sock_t rtp_socket);

/* Its sockets are closed: the port rests from now on. */
void ivrcore_source_end(ivrcore_source *source);

/*
 * A stream begins, and SDP names these addresses. When it named them before, whoever was heard stays, and the
 * addresses become theirs.
 */
void ivrcore_source_signalled(ivrcore_source *source, pj_sockaddr *rtp, pj_sockaddr *rtcp);

/* Whether a packet is to be heard; one that is not is counted. */
pj_bool_t ivrcore_source_takes_rtp(ivrcore_source *source, const pj_sockaddr *from, const void *packet,
                                   pj_ssize_t size);
pj_bool_t ivrcore_source_takes_rtcp(ivrcore_source *source, const pj_sockaddr *from, const void *packet,
                                    pj_ssize_t size);

/* The stream understood a packet from somewhere else than it was told: that is where the far end is. */
void ivrcore_source_latch(ivrcore_source *source, const pj_sockaddr *from);

/* -- asked by the clock and by the thread that receives --------------------------------------------------------------- */

/*
 * How long the receiving thread waits after packets, so that it handles together what comes meanwhile: it would wake up
 * for every packet, ten thousand times a second with a hundred calls.
 */
#define IVRCORE_RTP_GATHER_MS   2

/* The conference begins a tick. */
void ivrcore_rtp_ticked(void);

/*
 * Whether packets may wait so long: not when the next tick is near. What was received before a tick is in the jitter
 * buffers when it begins, as without the wait.
 */
pj_bool_t ivrcore_rtp_may_wait(void);

/* -- asked by ivrcore ---------------------------------------------------------------------------------------------- */

/* How long a freed port rests. */
void ivrcore_rtp_set_quarantine_ms(unsigned quarantine_ms);

/* Packets refused by the transport that has this RTP port, or had it last. */
unsigned ivrcore_rtp_rejected(unsigned port);

/* The same, of all transports since the process began. */
unsigned long long ivrcore_rtp_rejected_total(void);

PJ_END_DECL

#endif
