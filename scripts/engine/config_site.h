/*
 * What ivrcore's engine is compiled for: pjproject's <pj/config_site.h>. Each value differs from pjproject's default
 * for a reason given here; docs/engine.md has the table of both builds.
 */

/* A leg is a call; every callback has two. */
#define PJSUA_MAX_CALLS             1024
/* A leg plays at most two files at once (a prompt above a loop) and has one capture. */
#define PJSUA_MAX_PLAYERS           2048
#define PJSUA_MAX_RECORDERS         1024
/* Conference ports: the calls, their players, captures, taps and tone generators, and the null device. */
#define PJSUA_MAX_CONF_PORTS        8192
/* An account a trunk. */
#define PJSUA_MAX_ACC               128

/* Two sockets a call (RTP and RTCP) and the signalling; by epoll (--enable-epoll), so the number costs nothing. */
#define PJ_IOQUEUE_MAX_HANDLES      4096
/*
 * One thread polls each queue, so no event has to be kept from others: EPOLLEXCLUSIVE, the default, takes a socket out
 * of the kernel's set and puts it back for every packet. And as many packets at once as come in 2 ms with 500 calls.
 */
#define PJ_IOQUEUE_DEFAULT_EPOLL_FLAGS          0
#define PJ_IOQUEUE_MAX_EVENTS_IN_SINGLE_POLL    64

/*
 * Transactions and dialogs: a transaction lasts up to 32 s beyond its call, and a storm of short calls has many a call
 * slot. Sizes of hash tables: one less than a power of two.
 */
#define PJSIP_MAX_TSX_COUNT         16383
#define PJSIP_MAX_DIALOG_COUNT      4095

/* All signalling comes in by one UDP socket; bursts wait in its buffer, as far as the kernel permits. */
#define PJSIP_UDP_SO_RCVBUF_SIZE    4194304
#define PJSIP_UDP_SO_SNDBUF_SIZE    4194304

/* INVITEs with long identities and record routes outgrow the default of 4000 bytes. */
#define PJSIP_MAX_PKT_LEN           16000

/*
 * Where our packets go follows at once to a source that ivrcore_rtp.c took; pjproject itself would wait for ten packets
 * of RTP, or three of RTCP, because it takes everybody's.
 */
#define PJMEDIA_RTP_NAT_PROBATION_CNT   1
#define PJMEDIA_RTCP_NAT_PROBATION_CNT  1

/* Every call of the process has room for the media of two descriptions, used or not: 22 MB with 16 of them. */
#define PJMEDIA_MAX_SDP_MEDIA       8

#define PJMEDIA_HAS_VIDEO           0
#define PJ_HAS_IPV6                 1

/*
 * One thread ticks the conference, as in the stock build; more processes, not more threads, use more cores. To name
 * a number of threads, even 1, would choose the parallel bridge.
 */
#define PJMEDIA_CONF_BACKEND        PJMEDIA_CONF_SERIAL_BRIDGE_BACKEND

/* The trace needs all levels; what is not traced costs a comparison. */
#define PJ_LOG_MAX_LEVEL            5
