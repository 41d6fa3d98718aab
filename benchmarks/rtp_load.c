/*
 * Telephones without signalling: each has a port of its own, talks, and counts what it hears. SIPp does the signalling
 * and tells who talks to whom (benchmarks/rtp_load.py).
 *
 *     rtp_load CONTROL LIMIT_S FIRST_PORT COUNT SENDS EXPECTS [FIRST_PORT COUNT SENDS EXPECTS ...]
 *
 * A group has COUNT telephones on every other port of 127.0.0.1 from FIRST_PORT on. SENDS and EXPECTS are files of raw
 * A-law in whole frames of 20 ms: what they say in a loop, and what they should hear in a loop. CONTROL is a FIFO with one
 * command a line:
 *
 *     send PORT THEIRS   talk to 127.0.0.1:THEIRS; 0: to whoever sends first
 *     stop PORT
 *     keep PORT PATH     write what is heard from now on to PATH at the end, lost packets as silence
 *     window             count anew from now on
 *     report             print a line of JSON: the counts since then
 *     end                report and leave; so do SIGTERM and LIMIT_S
 *
 * Packets leave spread over the whole 20 ms, in slots of 100 us, as those of telephones that know nothing of each other: a
 * far end that is sent a bundle every millisecond wakes up less often, and looks cheaper than it is. One thread serves
 * the telephones of a slot: a packet out, all that came in. When a packet came is what the kernel says (SO_TIMESTAMPNS),
 * not when it was read. `late_ms` is how late the thread woke up: where that is not small against 20 ms, no gap proves
 * anything about the far end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rtp_count.h"

enum { AT_ONCE = 8, REALTIME_PRIORITY = 20, CONTROL_SLOTS = 10 };

static struct leg *in_slot[SLOTS][MOST_PORTS / 2];
static int n_in_slot[SLOTS];
static volatile sig_atomic_t ended;

static void end(int number) { (void)number; ended = 1; }

static void fail(const char *what) {
    fprintf(stderr, "rtp_load: %s: %s\n", what, errno ? strerror(errno) : "wrong");
    exit(2);
}

static struct signal read_signal(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    bytes -= bytes % FRAME;
    struct signal signal = {malloc(bytes + FRAME), (int)bytes};
    errno = 0;
    if (!bytes || fread(signal.codes, 1, bytes, file) != (size_t)bytes) fail(path);
    memcpy(signal.codes + bytes, signal.codes, FRAME);
    fclose(file);
    return signal;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void open_leg(struct group *group, int port) {
    struct leg *leg = calloc(1, sizeof *leg);
    struct sockaddr_in here = loopback(port);
    int yes = 1;
    char name[40];
    snprintf(name, sizeof name, "UDP port %d", port);
    *leg = (struct leg){.group = group, .port = port, .slot = -1, .place = -1};
    leg->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (leg->fd < 0 || bind(leg->fd, (struct sockaddr *)&here, sizeof here)) fail(name);
    if (setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes)) fail(name);
    by_port[port] = leg;
}

/* A connected socket takes packets of this far end alone, and sending costs no look-up of the route. */
static void latch(struct leg *leg, int theirs) {
    struct sockaddr_in there = loopback(theirs);
    leg->theirs = theirs;
    connect(leg->fd, (struct sockaddr *)&there, sizeof there);
}

static void start(struct leg *leg, int theirs) {
    static int slot; /* 77 and 200 have no common factor: neighbours are far apart, and all slots are used alike */
    static uint32_t ssrc = 0x10ad0000;
    if (leg->slot >= 0) return;
    slot = (slot + 77) % SLOTS;
    leg->slot = slot;
    in_slot[slot][n_in_slot[slot]++] = leg;
    leg->ssrc = ++ssrc;
    leg->seq = (uint16_t)(ssrc * 40503u);
    leg->timestamp = ssrc * 2654435761u;
    leg->saying = 0;
    leg->fresh = true;
    leg->hearing = false;
    leg->place = -1;
    leg->index = 0;
    leg->first_ns = 0;
    leg->asked_ns = now_ns(CLOCK_REALTIME);
    leg->theirs = 0;
    if (theirs) latch(leg, theirs);
}

static void stop(struct leg *leg) {
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (leg->slot < 0) return;
    struct leg **legs = in_slot[leg->slot];
    int last = --n_in_slot[leg->slot];
    for (int i = 0; i < last; i++)
        if (legs[i] == leg) legs[i] = legs[last];
    leg->slot = -1;
    connect(leg->fd, &nobody, sizeof nobody);
}

static void say(struct leg *leg) {
    unsigned char packet[HEADER + FRAME] = {0x80, PCMA | (leg->fresh ? 0x80 : 0)};
    leg->fresh = false; /* the first one bore the marker */
    uint16_t seq = htons(leg->seq++);
    uint32_t timestamp = htonl(leg->timestamp), ssrc = htonl(leg->ssrc);
    leg->timestamp += FRAME;
    memcpy(packet + 2, &seq, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    struct signal *signal = &leg->group->sends;
    memcpy(packet + HEADER, signal->codes + leg->saying, FRAME);
    leg->saying = (leg->saying + FRAME) % signal->bytes;
    if (send(leg->fd, packet, sizeof packet, 0) == sizeof packet) leg->sent++;
    else leg->unsent++;
}

static void hear(struct leg *leg) {
    static unsigned char packets[AT_ONCE][2048];
    static char controls[AT_ONCE][64];
    struct sockaddr_in from[AT_ONCE];
    struct iovec parts[AT_ONCE];
    struct mmsghdr messages[AT_ONCE];
    int n;
    do {
        for (int i = 0; i < AT_ONCE; i++) {
            parts[i] = (struct iovec){packets[i], sizeof packets[i]};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i],
                .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = 64};
        }
        n = recvmmsg(leg->fd, messages, AT_ONCE, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            struct cmsghdr *control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
            struct timespec at = {0};
            if (control && control->cmsg_type == SCM_TIMESTAMPNS) memcpy(&at, CMSG_DATA(control), sizeof at);
            if (!leg->theirs) latch(leg, ntohs(from[i].sin_port));
            if (ntohs(from[i].sin_port) == leg->theirs) /* else left over from a call before */
                take(leg, packets[i], (int)messages[i].msg_len, at.tv_sec * 1000000000LL + at.tv_nsec);
        }
    } while (n == AT_ONCE);
}

/* What waits in the kernel belongs to the window that ends. */
static void hear_all(void) {
    for (int slot = 0; slot < SLOTS; slot++)
        for (int i = 0; i < n_in_slot[slot]; i++) hear(in_slot[slot][i]);
}

static void obey(char *line, bool realtime) {
    char word[8], path[1024];
    int port = 0, theirs = 0;
    if (!strcmp(line, "window")) hear_all(), new_window();
    else if (!strcmp(line, "report")) hear_all(), report(realtime);
    else if (!strcmp(line, "end")) ended = 1;
    else if (sscanf(line, "%7s %d", word, &port) == 2 && port > 0 && port < MOST_PORTS && by_port[port]) {
        struct leg *leg = by_port[port];
        if (sscanf(line, "send %*d %d", &theirs) == 1 && theirs >= 0 && theirs < MOST_PORTS) start(leg, theirs);
        else if (!strcmp(word, "stop")) stop(leg);
        else if (sscanf(line, "keep %*d %1023s", path) == 1 && !leg->kept) {
            leg->path = strdup(path);
            leg->kept = malloc(LONGEST_KEPT);
            memset(leg->kept, SILENCE, LONGEST_KEPT); /* its pages are real from now on, not first in mid-call */
            leg->kept_from = -1;
        }
    }
}

static void read_control(int fd, bool realtime) {
    static char text[65536];
    static size_t bytes;
    ssize_t more = read(fd, text + bytes, sizeof text - 1 - bytes);
    if (more <= 0) return;
    bytes += more;
    char *line = text, *stop_at;
    while ((stop_at = memchr(line, '\n', text + bytes - line))) {
        *stop_at = 0;
        obey(line, realtime);
        line = stop_at + 1;
    }
    bytes -= line - text;
    memmove(text, line, bytes);
}

static bool talk(int control, double limit_s) {
    struct sched_param priority = {.sched_priority = REALTIME_PRIORITY};
    bool realtime = !sched_setscheduler(0, SCHED_FIFO, &priority);
    long long began_ns = now_ns(CLOCK_MONOTONIC), due_ns = began_ns;
    for (int slot = 0; !ended && due_ns - began_ns < limit_s * 1e9; slot = (slot + 1) % SLOTS) {
        due_ns += SLOT_NS;
        if (slot % CONTROL_SLOTS && !n_in_slot[slot]) continue;
        struct timespec due = {due_ns / 1000000000, due_ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        long long behind = (now_ns(CLOCK_MONOTONIC) - due_ns) / 100000;
        late[behind < 0 ? 0 : behind < BINS ? behind : BINS - 1]++;
        if (slot % CONTROL_SLOTS == 0) read_control(control, realtime);
        searches_left = SEARCHES;
        for (int i = 0; i < n_in_slot[slot]; i++) {
            struct leg *leg = in_slot[slot][i];
            if (leg->theirs) say(leg);
            hear(leg);
        }
    }
    return realtime;
}

int main(int n, char **arguments) {
    struct rlimit files;
    if (n < 7 || (n - 3) % 4 || (n - 3) / 4 > MOST_GROUPS) {
        fprintf(stderr, "usage: rtp_load CONTROL LIMIT_S [FIRST_PORT COUNT SENDS EXPECTS]...\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (char **group = arguments + 3; group < arguments + n; group += 4) {
        struct group *made = &groups[n_groups++];
        made->first = atoi(group[0]), made->count = atoi(group[1]);
        if (made->first < 1 || made->count < 1 || made->first + 2 * made->count > MOST_PORTS) fail("ports");
        made->sends = read_signal(group[2]);
        made->expects = read_signal(group[3]);
        for (int i = 0; i < made->count; i++) open_leg(made, made->first + 2 * i);
    }
    int control = open(arguments[1], O_RDWR | O_NONBLOCK); /* RDWR: it stays open when a writer leaves */
    if (control < 0) fail(arguments[1]);
    signal(SIGTERM, end);
    new_window();
    printf("{\"ready\": true}\n");
    fflush(stdout);
    bool realtime = talk(control, atof(arguments[2]));
    report(realtime);
    for (int port = 0; port < MOST_PORTS; port++) {
        struct leg *leg = by_port[port];
        FILE *file = leg && leg->kept ? fopen(leg->path, "wb") : NULL;
        if (leg && leg->kept && (!file || fwrite(leg->kept, 1, leg->kept_bytes, file) != (size_t)leg->kept_bytes
                                 || fclose(file))) fail(leg->path);
    }
    return 0;
}
