"""What is changed in pjproject's source before it is compiled, and why.

Each change names the only place where its text occurs. A source in which that has changed is refused, so
that somebody looks whether the change still is right.
"""

from pathlib import Path

from scripts.engine.economies import ECONOMIES
from scripts.engine.places import Correction, after, before
from scripts.engine.steps import BuildError

OUR_SOURCE = Path(__file__).with_name("ivrcore_rtp.c")
OUR_HEADER = Path(__file__).with_name("ivrcore_rtp.h")

_UDP = "pjmedia/src/pjmedia/transport_udp.c"
_STREAM = "pjmedia/src/pjmedia/stream.c"
_MEDIA = "pjsip/src/pjsua-lib/pjsua_media.c"
_POLL = "pjlib/src/pj/ioqueue_epoll.c"
_INCLUDED_AS = "pjlib/include/pj/ivrcore_rtp.h"


_STARTED = (
    # A stream asks for its first packet and says afterwards that it has started. When one waits already,
    # because the far end was quicker than our reading of its 200, the receiving thread finds a stream that
    # has not started and asks for no second one: the leg is deaf to its end. So it is said before.
    before(
        _UDP,
        "a stream is marked as started before it reads",
        '    TRACE_((udp->base.name, "media_start(): before recvfrom RTP"));',
        "    udp->started = PJ_TRUE;",
    ),
)

_WAITS = (
    # A socket whose key another thread holds is passed over, and is ready again at once. A thread that runs
    # before all ordinary work, as the one that receives RTP does, then keeps who holds the key from ever
    # letting go where both are on one processor: until the kernel steps in after 0.95 s.
    before(
        _POLL,
        "who holds a socket's key is let run",
        "    /* Special case:\n     * When epoll returns > 0 but event_cnt, the number of events",
        "    if (processed_cnt < event_cnt && msec > 0)\n        pj_thread_sleep(1);\n",
    ),
)

_PORTS = (
    after(
        _MEDIA,
        "the allocator is declared",
        "#include <pjsua-lib/pjsua_internal.h>",
        "#include <pj/ivrcore_rtp.h>",
    ),
    # Ours ends the search by itself.
    Correction(_MEDIA, "the search has no limit of 100", "RTP_RETRY = 100", "RTP_RETRY = 32768"),
    before(
        _MEDIA,
        "the allocator chooses the port",
        "        /* Create RTP socket. */",
        """\
        if (cfg->port > 0 && cfg->port_range > 0) {
            status = ivrcore_rtp_choose(cfg->port, cfg->port_range, i, &acc->next_rtp_port);
            if (status != PJ_SUCCESS)
                return status;
        }""",
    ),
    before(
        _MEDIA,
        "the allocator learns that a port is in use",
        "    acc->next_rtp_port += 2;\n    return PJ_SUCCESS;",
        "    ivrcore_rtp_take(acc->next_rtp_port);",
    ),
)

_SOURCES = (
    after(_UDP, "the rule is declared", "#include <pj/string.h>", "#include <pj/ivrcore_rtp.h>"),
    after(
        _UDP,
        "a transport has a source",
        "    char                rtcp_pkt[RTCP_LEN];/**< Incoming RTCP packet buffer */",
        "    ivrcore_source      source;",
    ),
    after(
        _UDP,
        "the source begins",
        "    tp->rtcp_addr_name = si->rtcp_addr_name;",
        "    ivrcore_source_begin(&tp->source, tp->rtp_sock);",
    ),
    # RTP's socket is closed by then, RTCP's in a moment; who tries the port in between passes over it.
    before(
        _UDP,
        "the source ends",
        "    if (udp->rtcp_key) {",
        "    ivrcore_source_end(&udp->source);",
    ),
    before(
        _UDP,
        "the source learns what is signalled",
        "    /* Save the callbacks */",
        "    ivrcore_source_signalled(&udp->source, &udp->rem_rtp_addr, &udp->rem_rtcp_addr);\n",
    ),
    # Without the last line of it, the answer to an earlier packet would let the transport follow this one.
    after(
        _UDP,
        "RTP is taken or rejected",
        "    cb2 = udp->rtp_cb2;\n    user_data = udp->user_data;",
        """\
    if (bytes_read >= 0 &&
        !ivrcore_source_takes_rtp(&udp->source, &udp->rtp_src_addr, udp->rtp_pkt, bytes_read))
    {
        cb = NULL;
        cb2 = NULL;
        if (rem_switch)
            *rem_switch = PJ_FALSE;
    }""",
    ),
    before(
        _UDP,
        "the stream's choice is latched",
        "            pj_sockaddr_cp(&udp->rem_rtp_addr, &udp->rtp_src_addr);",
        "            ivrcore_source_latch(&udp->source, &udp->rtp_src_addr);",
    ),
    after(
        _UDP,
        "RTCP is taken or rejected",
        "    cb = udp->rtcp_cb;\n    user_data = udp->user_data;",
        """\
    if (bytes_read >= 0 &&
        !ivrcore_source_takes_rtcp(&udp->source, &udp->rtcp_src_addr, udp->rtcp_pkt, bytes_read))
    {
        cb = NULL;
        /* So that the address of RTCP can still be guessed from that of RTP. */
        pj_bzero(&udp->rtcp_src_addr, sizeof(udp->rtcp_src_addr));
    }""",
    ),
    Correction(
        _UDP,
        "our RTCP goes to nobody unknown",
        "        if (bytes_read>0 &&\n",
        "        if (bytes_read>0 && udp->source.follows_rtcp &&\n",
    ),
)

_PRESSES = (
    # A press is known by its timestamp and event (RFC 4733, 2.2). By falling durations alone, a second press
    # of a key of which only an end packet arrives is taken for a repetition of the first one's.
    after(
        _STREAM,
        "a press has a timestamp",
        "    pj_bool_t                last_dtmf_ended;",
        "    pj_uint64_t              last_dtmf_ts;",
    ),
    Correction(
        _STREAM,
        "a press is told from the next by it",
        "        event_duration >= stream->last_dtmf_dur)",
        "        event_duration >= stream->last_dtmf_dur &&\n        timestamp->u64 == stream->last_dtmf_ts)",
    ),
    after(
        _STREAM,
        "the timestamp of a press is kept",
        "    stream->last_dtmf = event->event;",
        "    stream->last_dtmf_ts = timestamp->u64;",
    ),
)

CORRECTIONS = (*_STARTED, *_WAITS, *_PORTS, *_SOURCES, *_PRESSES, *ECONOMIES)


def correct(source: Path) -> None:
    """Change pjproject's unpacked source, and put our header among its own.

    Raises:
        BuildError: a place has changed; it has to be looked at.
    """
    for one in CORRECTIONS:
        path = source / one.file
        text = path.read_text() if path.exists() else ""
        if text.count(one.old) != 1:
            raise BuildError(
                f"{one.file} is not as expected ({one.why}): see CORRECTIONS in scripts/engine/corrections.py"
            )
        path.write_text(text.replace(one.old, one.new))
    header = source / _INCLUDED_AS
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_bytes(OUR_HEADER.read_bytes())


def content() -> str:
    """All that decides about what comes out of the changes."""
    parts = [OUR_SOURCE.read_text(), OUR_HEADER.read_text()]
    parts += [text for one in CORRECTIONS for text in (one.file, one.old, one.new)]
    return "\0".join(parts)
