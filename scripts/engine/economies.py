"""What pjproject spends on a call for nothing, and how that is left out. docs/engine.md has the figures.

Nothing of it is heard, or seen from outside.
"""

from scripts.engine.places import Correction, after

_CONFERENCE = "pjmedia/src/pjmedia/conference.c"
_ENDPOINT = "pjmedia/src/pjmedia/endpoint.c"
_IO_QUEUE = "pjlib/src/pj/ioqueue_common_abs.c"
_UDP = "pjmedia/src/pjmedia/transport_udp.c"

_LISTENERS = (
    # A port of the conference has room for every other one as its listener, filled with zeros: with 8192
    # ports that is 64 KiB a port, 256 KiB a recorded call. Ours have five listeners at the most: the null
    # device, the other leg, a capture, a tap, and one more while a connection is made anew.
    after(
        _CONFERENCE,
        "the most listeners of a port have a name",
        "#define NORMAL_LEVEL        128",
        "#define MOST_LISTENERS      32",
    ),
    Correction(
        _CONFERENCE,
        "a port has room for so many listeners",
        "conf->max_ports * sizeof(SLOT_TYPE));",
        "MOST_LISTENERS * sizeof(SLOT_TYPE));",
    ),
    Correction(
        _CONFERENCE,
        "a port has room for the levels of so many listeners",
        "conf->max_ports * sizeof(unsigned));",
        "MOST_LISTENERS * sizeof(unsigned));",
    ),
    Correction(
        _CONFERENCE,
        "one listener more is refused",
        "    src_port->listener_slots[src_port->listener_cnt] = sink_slot;",
        """\
    if (src_port->listener_cnt >= MOST_LISTENERS)
        return PJ_ETOOMANY;
    src_port->listener_slots[src_port->listener_cnt] = sink_slot;""",
    ),
    # Legs are connected to the null device so that they are read; nobody hears what it would be given.
    Correction(
        _CONFERENCE,
        "nothing is mixed for the null device",
        "            listener = conf->ports[conf_port->listener_slots[cj]];",
        """\
            if (conf_port->listener_slots[cj] == 0)
                continue;
            listener = conf->ports[conf_port->listener_slots[cj]];""",
    ),
)

_READS = (
    # A socket is taken out of the kernel's set before its packet is read, and put back when the next one is
    # asked for, which nearly always happens while the packet is handled. So it is looked after that, and the
    # socket is taken out only when nothing was asked for.
    Correction(
        _IO_QUEUE,
        "a socket stays in the kernel's set while its packet is handled",
        """\
        /* Clear fdset if there is no pending read. */
        if (pj_list_empty(&h->read_list))
            ioqueue_remove_from_set(ioqueue, h, READABLE_EVENT);

        bytes_read = read_op->size;""",
        "        bytes_read = read_op->size;",
    ),
    Correction(
        _IO_QUEUE,
        "a socket of which no more is asked leaves the kernel's set",
        "        ioqueue_dispatch_read_event_no_lock(h, 0);\n#endif\n\n    } else {",
        """\
        ioqueue_dispatch_read_event_no_lock(h, 0);
#endif

        pj_ioqueue_lock_key(h);
        if (!IS_CLOSING(h) && pj_list_empty(&h->read_list))
            ioqueue_remove_from_set(ioqueue, h, READABLE_EVENT);
        pj_ioqueue_unlock_key(h);

    } else {""",
    ),
    # The next packet comes 20 ms later: no use in looking for it at once. The set tells when it is there.
    Correction(
        _UDP,
        "RTP is not read again in vain",
        "udp->rtp_pkt, &bytes_read, 0,",
        "udp->rtp_pkt, &bytes_read,\n                                     PJ_IOQUEUE_ALWAYS_ASYNC,",
    ),
)

_GATHERED = (
    # See ivrcore_rtp.h.
    after(
        _CONFERENCE,
        "the tick is declared",
        "#include <pjmedia/sound_port.h>",
        "#include <pj/ivrcore_rtp.h>",
    ),
    after(
        _CONFERENCE,
        "a tick is told",
        '    TRACE_((THIS_FILE, "- clock -"));',
        "    ivrcore_rtp_ticked();",
    ),
    after(
        _ENDPOINT,
        "the wait is declared",
        "#include <pjmedia-audiodev/audiodev.h>",
        "#include <pj/ivrcore_rtp.h>",
    ),
    Correction(
        _ENDPOINT,
        "packets are gathered",
        "        pj_ioqueue_poll(endpt->ioqueue, &timeout);",
        """\
        if (pj_ioqueue_poll(endpt->ioqueue, &timeout) > 0 && ivrcore_rtp_may_wait())
            pj_thread_sleep(IVRCORE_RTP_GATHER_MS);""",
    ),
)

ECONOMIES = (*_LISTENERS, *_READS, *_GATHERED)
