/*
 * See ivrcore_rtp.h. No memory is allocated and nothing is logged here: the rules below run on the thread that receives
 * all RTP of the process.
 */
#include <pj/ivrcore_rtp.h>

#include <pj/string.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PAIRS               32768u      /* RTP and RTCP share an entry: port / 2. */
#define QUARANTINE_MS       30000u      /* sip/rtp_ports.py has the reason. */
#define RTP_HEADER_BYTES    12          /* RFC 3550 section 5.1 */
#define RTCP_HEADER_BYTES   8           /* RFC 3550 section 6.4.2, the shortest report */
#define TICK_MS             20u         /* sip/pjsua/endpoint.py */
#define NO_TICK_MS          100u        /* A clock that is so late does not run. */
#define RESERVE_MS          4u          /* For rounding, for waking up late, and for handling what was gathered. */

/* -- ports --------------------------------------------------------------------------------------------------------- */

typedef struct pair
{
    pj_bool_t           in_use;
    unsigned long long  freed_at_ms;    /* 0: never used */
} pair;

static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static pair pairs[PAIRS];
static unsigned long long turn;         /* Counts pairs; the place in a range is its remainder. */
static pj_bool_t has_begun;
static char refusal[PJ_ERR_MSG_SIZE];   /* Why the last call that was refused a port was. */

static atomic_uint quarantine_ms = QUARANTINE_MS;
static atomic_uint rejected[PAIRS];
static atomic_ullong rejected_total;

static unsigned long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static pair *pair_of(unsigned port)
{
    return &pairs[(port / 2) % PAIRS];
}

/* How long until a pair may be used again, 0 when it may. */
static unsigned long long rest_ms(const pair *one, unsigned long long at_ms)
{
    unsigned long long rests_until_ms = one->freed_at_ms + atomic_load(&quarantine_ms);

    return one->freed_at_ms == 0 || rests_until_ms <= at_ms ? 0 : rests_until_ms - at_ms;
}

static pj_str_t tell_refusal(pj_status_t status, char *text, pj_size_t size)
{
    pj_str_t told;

    PJ_UNUSED_ARG(status);
    pthread_mutex_lock(&ports_lock);
    pj_ansi_strxcpy(text, refusal, size);
    pthread_mutex_unlock(&ports_lock);
    told.ptr = text;
    told.slen = (pj_ssize_t)pj_ansi_strlen(text);
    return told;
}

/* Called with the lock held. */
static void write_refusal(unsigned first, unsigned count, unsigned busy, unsigned long long at_ms)
{
    unsigned long long next_ms = 0;
    unsigned i, in_use = 0, resting = 0;

    for (i = 0; i < count; ++i) {
        const pair *one = pair_of(first + 2 * i);
        unsigned long long left_ms = one->in_use ? 0 : rest_ms(one, at_ms);

        in_use += one->in_use ? 1 : 0;
        if (left_ms) {
            if (!resting || left_ms < next_ms)
                next_ms = left_ms;
            ++resting;
        }
    }
    if (resting)
        snprintf(refusal, sizeof(refusal), "no RTP port: %u from %u: %u in use, %u busy, %u rest, next in %.1f s",
                 count, first, in_use, busy, resting, next_ms / 1000.0);
    else
        snprintf(refusal, sizeof(refusal), "no RTP port: %u from %u: %u in use, %u busy", count, first, in_use, busy);
}

pj_status_t ivrcore_rtp_choose(unsigned first, unsigned extent, unsigned tried, pj_uint16_t *port)
{
    unsigned count = extent / 2 + 1;
    unsigned long long at_ms = now_ms();
    unsigned i;

    pthread_mutex_lock(&ports_lock);
    if (!has_begun) {
        /* Anywhere, so that several processes on one machine seldom try the same ports. */
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        turn = (unsigned long long)now.tv_nsec / 1000 + (unsigned long long)getpid() * 2654435761ull;
        has_begun = PJ_TRUE;
    }
    for (i = tried; i < count; ++i) {
        unsigned candidate = first + 2 * (unsigned)(turn++ % count);
        const pair *one = pair_of(candidate);

        if (!one->in_use && !rest_ms(one, at_ms)) {
            *port = (pj_uint16_t)candidate;
            pthread_mutex_unlock(&ports_lock);
            return PJ_SUCCESS;
        }
    }
    write_refusal(first, count, tried, at_ms);
    pthread_mutex_unlock(&ports_lock);
    pj_register_strerror(IVRCORE_ENORTPPORT, 1, &tell_refusal); /* Known already: nothing happens. */
    return IVRCORE_ENORTPPORT;
}

void ivrcore_rtp_take(unsigned port)
{
    pthread_mutex_lock(&ports_lock);
    pair_of(port)->in_use = PJ_TRUE;
    pthread_mutex_unlock(&ports_lock);
}

void ivrcore_rtp_set_quarantine_ms(unsigned new_ms)
{
    atomic_store(&quarantine_ms, new_ms);
}

/* -- sources ------------------------------------------------------------------------------------------------------- */

static pj_bool_t is_some(const pj_sockaddr *address)
{
    return address->addr.sa_family != 0;
}

static pj_bool_t same(const pj_sockaddr *one, const pj_sockaddr *other)
{
    return is_some(one) && is_some(other) && pj_sockaddr_cmp(one, other) == 0;
}

static pj_bool_t same_host(const pj_sockaddr *one, const pj_sockaddr *other)
{
    return one->addr.sa_family == other->addr.sa_family &&
           pj_memcmp(pj_sockaddr_get_addr(one), pj_sockaddr_get_addr(other), pj_sockaddr_get_addr_len(one)) == 0;
}

/* Whether it is long enough for its kind and of RTP's version: what keeps a binding of a NAT open is neither. */
static pj_bool_t is_rtp(const void *packet, pj_ssize_t size, pj_ssize_t least)
{
    return size >= least && *(const unsigned char*)packet >> 6 == 2;
}

static pj_bool_t reject(const ivrcore_source *source)
{
    atomic_fetch_add_explicit(&rejected[source->port / 2], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&rejected_total, 1, memory_order_relaxed);
    return PJ_FALSE;
}

void ivrcore_source_begin(ivrcore_source *source, pj_sock_t rtp_socket)
{
    pj_sockaddr bound;
    int size = sizeof(bound);

    pj_bzero(source, sizeof(*source));
    if (pj_sock_getsockname(rtp_socket, &bound, &size) == PJ_SUCCESS)
        source->port = pj_sockaddr_get_port(&bound);
    atomic_store(&rejected[source->port / 2], 0);
}

void ivrcore_source_end(ivrcore_source *source)
{
    pair *one = pair_of(source->port);

    pthread_mutex_lock(&ports_lock);
    one->in_use = PJ_FALSE;
    one->freed_at_ms = now_ms();
    pthread_mutex_unlock(&ports_lock);
}

void ivrcore_source_signalled(ivrcore_source *source, pj_sockaddr *rtp, pj_sockaddr *rtcp)
{
    pj_bool_t rtp_stays = same(&source->signalled_rtp, rtp);

    if (!rtp_stays)
        pj_bzero(&source->heard_rtp, sizeof(source->heard_rtp));
    if (!rtp_stays || !same(&source->signalled_rtcp, rtcp))
        pj_bzero(&source->heard_rtcp, sizeof(source->heard_rtcp));
    source->signalled_rtp = *rtp;
    source->signalled_rtcp = *rtcp;
    /* A far end behind a NAT that only listens now, on hold say, sends nothing by which it could be found again. */
    if (is_some(&source->heard_rtp))
        *rtp = source->heard_rtp;
    if (is_some(&source->heard_rtcp))
        *rtcp = source->heard_rtcp;
}

pj_bool_t ivrcore_source_takes_rtp(ivrcore_source *source, const pj_sockaddr *from, const void *packet,
                                   pj_ssize_t size)
{
    if (same(from, &source->signalled_rtp)) {
        /* The signalled source always comes first, even when another was quicker. */
        if (is_rtp(packet, size, RTP_HEADER_BYTES))
            source->heard_rtp = *from;
        return PJ_TRUE;
    }
    if (!is_some(&source->heard_rtp) || same(from, &source->heard_rtp))
        return PJ_TRUE;
    return reject(source);
}

void ivrcore_source_latch(ivrcore_source *source, const pj_sockaddr *from)
{
    source->heard_rtp = *from;
}

pj_bool_t ivrcore_source_takes_rtcp(ivrcore_source *source, const pj_sockaddr *from, const void *packet,
                                    pj_ssize_t size)
{
    pj_bool_t is_latched = is_some(&source->heard_rtp) && !same(&source->heard_rtp, &source->signalled_rtp);
    pj_bool_t is_taken;

    source->follows_rtcp = PJ_FALSE;
    if (same(from, &source->signalled_rtcp))
        is_taken = PJ_TRUE;
    else if (!is_some(&source->heard_rtp))
        return PJ_TRUE; /* Nobody knows yet where the far end is: read, and not followed. */
    else if (!is_latched || same(&source->heard_rtcp, &source->signalled_rtcp))
        is_taken = PJ_FALSE;
    else if (is_some(&source->heard_rtcp) && same_host(&source->heard_rtcp, &source->heard_rtp))
        is_taken = same(from, &source->heard_rtcp);
    else
        /* RTCP has no stream that understood it: it follows RTP, to the same host. */
        is_taken = same_host(from, &source->heard_rtp);
    if (!is_taken)
        return reject(source);
    if (is_rtp(packet, size, RTCP_HEADER_BYTES)) {
        source->heard_rtcp = *from;
        source->follows_rtcp = PJ_TRUE;
    }
    return PJ_TRUE;
}

/* -- the receiving thread ------------------------------------------------------------------------------------------ */

static atomic_ullong ticked_at_ms;

void ivrcore_rtp_ticked(void)
{
    atomic_store(&ticked_at_ms, now_ms());
}

pj_bool_t ivrcore_rtp_may_wait(void)
{
    unsigned long long since_ms = now_ms() - atomic_load(&ticked_at_ms);

    return since_ms + IVRCORE_RTP_GATHER_MS + RESERVE_MS <= TICK_MS || since_ms > NO_TICK_MS;
}

/* -- counters ------------------------------------------------------------------------------------------------------ */

unsigned ivrcore_rtp_rejected(unsigned port)
{
    return atomic_load(&rejected[(port / 2) % PAIRS]);
}

unsigned long long ivrcore_rtp_rejected_total(void)
{
    return atomic_load(&rejected_total);
}
