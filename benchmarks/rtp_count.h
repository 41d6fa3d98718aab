/*
 * What the telephones of rtp_load hear, counted: by sequence numbers, arrival times and content. No socket, no clock but
 * to say when; rtp_load.c includes it once.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { FRAME = 160, HEADER = 12, PCMA = 8, SILENCE = 0xd5, SLOTS = 200, MOST_GROUPS = 4, MOST_PORTS = 65536 };
enum { BINS = 1000, SEARCHES = 2, LARGEST_STEP = 1000, LONGEST_KEPT = 8000 * 60, EDGE_PACKETS = 2, WIDE_GAP_MS = 40 };
#define SLOT_NS 100000LL
#define TICK_NS (SLOTS * SLOT_NS)

struct signal { unsigned char *codes; int bytes; }; /* codes: and its first frame again */

struct group {
    int first, count;
    struct signal sends, expects;
    unsigned gaps[BINS]; /* of 1 ms */
};

struct leg {
    struct group *group;
    int fd, port, slot, theirs; /* slot: -1 while idle; theirs: 0 until known */
    uint32_t ssrc, timestamp;
    uint16_t seq;
    int saying;    /* place of the next packet in what is sent */
    bool fresh;    /* none was sent since `send` */
    bool hearing;  /* a packet came since `send` */
    uint32_t their_ssrc;
    uint16_t next_seq;
    uint64_t seen;   /* of the 64 packets before next_seq: bit 0 is the last one */
    long long index; /* of next_seq, since `send` */
    long long asked_ns, first_ns, last_ns;
    int place; /* of the next packet in what is expected, -1 before the first known one */
    unsigned sent, unsent, received, doubled, disordered, known, jumps;
    int lost, widest_ms;
    char *path;
    unsigned char *kept;
    long long kept_from, kept_bytes;
};

static struct group groups[MOST_GROUPS];
static int n_groups;
static struct leg *by_port[MOST_PORTS];
static unsigned late[BINS]; /* of 0.1 ms */
static long long window_ns;
static int searches_left; /* in this slot */

static long long now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/*
 * Programs that neither resample nor mix pass every code on: what comes next is known in advance, to the bit. What is not
 * is looked for in the whole signal; some of it a slot, so that a far end that sends noise does not make us late.
 */
static void compare(struct leg *leg, const unsigned char *payload, bool counts) {
    struct signal *signal = &leg->group->expects;
    bool here = leg->place >= 0 && !memcmp(payload, signal->codes + leg->place, FRAME);
    if (!here && searches_left > 0) {
        searches_left--;
        unsigned char *found = memmem(signal->codes, signal->bytes + FRAME, payload, FRAME);
        here = found != NULL;
        if (here) {
            leg->jumps += counts && leg->place >= 0;
            leg->place = (int)(found - signal->codes);
        }
    }
    leg->known += counts && here;
    if (leg->place >= 0) leg->place = (leg->place + FRAME) % signal->bytes;
}

static void keep(struct leg *leg, long long index, const unsigned char *payload, int bytes) {
    if (leg->kept_from < 0) leg->kept_from = index;
    long long at = (index - leg->kept_from) * FRAME;
    if (at < 0 || at + bytes > LONGEST_KEPT) return;
    memcpy(leg->kept + at, payload, bytes);
    if (at + bytes > leg->kept_bytes) leg->kept_bytes = at + bytes;
}

/* Where in the stream a packet stands, -1 for one that came before; counts what is missing before it (RFC 3550, A.1). */
static long long place_in_stream(struct leg *leg, uint32_t ssrc, uint16_t seq) {
    int step = (int16_t)(seq - leg->next_seq);
    if (!leg->hearing || ssrc != leg->their_ssrc || abs(step) > LARGEST_STEP) {
        leg->hearing = true;
        leg->their_ssrc = ssrc;
        leg->seen = 0;
        step = 0;
    }
    if (step >= 0) {
        leg->lost += step;
        leg->seen = (step < 63 ? leg->seen << (step + 1) : 0) | 1;
        leg->next_seq = seq + 1;
        leg->index += step + 1;
        return leg->index - 1;
    }
    uint64_t bit = step >= -64 ? 1ULL << (-step - 1) : 0;
    if (!bit || leg->seen & bit) {
        leg->doubled++;
        return -1;
    }
    leg->seen |= bit;
    leg->disordered++;
    leg->lost--;
    return leg->index + step;
}

static void take(struct leg *leg, const unsigned char *packet, int bytes, long long at_ns) {
    uint16_t seq;
    uint32_t ssrc;
    if (bytes <= HEADER || (packet[1] & 0x7f) != PCMA) return; /* comfort noise, telephone events */
    memcpy(&seq, packet + 2, 2);
    memcpy(&ssrc, packet + 8, 4);
    long long index = place_in_stream(leg, ntohl(ssrc), ntohs(seq));
    if (index < 0) return;
    bool counts = at_ns >= window_ns; /* else it waited in the kernel while the window began */
    if (!leg->first_ns) leg->first_ns = at_ns;
    else if (counts) {
        long long gap_ms = (at_ns - leg->last_ns) / 1000000;
        if (gap_ms < 0) gap_ms = 0;
        leg->group->gaps[gap_ms < BINS ? gap_ms : BINS - 1]++;
        if (gap_ms > leg->widest_ms) leg->widest_ms = (int)gap_ms;
    }
    leg->last_ns = at_ns;
    leg->received += counts;
    if (bytes == HEADER + FRAME) compare(leg, packet + HEADER, counts);
    if (leg->kept) keep(leg, index, packet + HEADER, bytes - HEADER);
}

static void new_window(void) {
    window_ns = now_ns(CLOCK_REALTIME);
    memset(late, 0, sizeof late);
    for (int g = 0; g < n_groups; g++) memset(groups[g].gaps, 0, sizeof groups[g].gaps);
    for (int port = 0; port < MOST_PORTS; port++) {
        struct leg *leg = by_port[port];
        if (!leg) continue;
        leg->sent = leg->unsent = leg->received = leg->doubled = leg->disordered = leg->known = leg->jumps = 0;
        leg->lost = leg->widest_ms = 0;
    }
}

/* The least bin that has this share of all at or under it; its upper edge. */
static double edge(const unsigned *bins, double share, double width) {
    double all = 0, sum = 0;
    for (int i = 0; i < BINS; i++) all += bins[i];
    for (int i = 0; i < BINS; i++)
        if (all && (sum += bins[i]) >= share * all) return (i + 1) * width;
    return 0;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report_group(struct group *group, long long now) {
    static double first_ms[MOST_PORTS];
    struct leg sum = {0};
    long missing = 0;
    int talking = 0, heard = 0, deaf = 0, wide = 0;
    for (int port = group->first; port < group->first + 2 * group->count; port += 2) {
        struct leg *leg = by_port[port];
        sum.sent += leg->sent, sum.unsent += leg->unsent, sum.received += leg->received, sum.lost += leg->lost;
        sum.doubled += leg->doubled, sum.disordered += leg->disordered;
        sum.known += leg->known, sum.jumps += leg->jumps;
        if (leg->widest_ms > sum.widest_ms) sum.widest_ms = leg->widest_ms;
        wide += leg->widest_ms >= WIDE_GAP_MS;
        if (leg->first_ns) first_ms[heard++] = (leg->first_ns - leg->asked_ns) / 1e6;
        if (leg->slot < 0) continue;
        talking++;
        deaf += !leg->received;
        long long since = leg->asked_ns > window_ns ? leg->asked_ns : window_ns;
        long long expected = (now - since) / TICK_NS - EDGE_PACKETS;
        if (expected > leg->received) missing += expected - leg->received;
    }
    qsort(first_ms, heard, sizeof *first_ms, by_value);
    printf("{\"talking\": %d, \"deaf\": %d, \"sent\": %u, \"unsent\": %u, \"received\": %u, \"missing\": %ld, "
           "\"lost\": %d, \"doubled\": %u, \"disordered\": %u, \"known\": %u, \"jumps\": %u, \"wide\": %d, ",
           talking, deaf, sum.sent, sum.unsent, sum.received, missing, sum.lost, sum.doubled, sum.disordered, sum.known,
           sum.jumps, wide);
    printf("\"gap_p50_ms\": %.0f, \"gap_p999_ms\": %.0f, \"gap_max_ms\": %d, \"first_p50_ms\": %.1f, "
           "\"first_p95_ms\": %.1f, \"first_max_ms\": %.1f}",
           edge(group->gaps, 0.5, 1), edge(group->gaps, 0.999, 1), sum.widest_ms, heard ? first_ms[heard / 2] : 0,
           heard ? first_ms[heard * 95 / 100] : 0, heard ? first_ms[heard - 1] : 0);
}

static void report(bool realtime) {
    struct rusage used;
    long long now = now_ns(CLOCK_REALTIME);
    getrusage(RUSAGE_SELF, &used);
    double cpu_s = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"window_s\": %.3f, \"realtime\": %s, \"cpu_s\": %.3f, \"late_p999_ms\": %.1f, \"late_max_ms\": %.1f, "
           "\"groups\": [",
           (now - window_ns) / 1e9, realtime ? "true" : "false", cpu_s, edge(late, 0.999, 0.1), edge(late, 1, 0.1));
    for (int g = 0; g < n_groups; g++) {
        if (g) printf(", ");
        report_group(&groups[g], now);
    }
    printf("]}\n");
    fflush(stdout);
}
