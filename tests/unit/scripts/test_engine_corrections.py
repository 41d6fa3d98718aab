"""What is changed in pjproject's source: each change in its one place, and no source that has moved on."""

from itertools import groupby
from pathlib import Path

import pytest

from scripts.engine.corrections import CORRECTIONS, OUR_HEADER, correct
from scripts.engine.places import Correction
from scripts.engine.steps import BuildError

FILES = sorted({one.file for one in CORRECTIONS})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source that has every place, and nothing else."""
    for file, places in groupby(sorted(CORRECTIONS, key=lambda one: one.file), key=lambda one: one.file):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["begin", *(one.old for one in places), "end"]))
    return tmp_path


@pytest.mark.parametrize("one", CORRECTIONS, ids=lambda one: one.why)
def test_change_is_made_once_in_its_file(source: Path, one: Correction) -> None:
    correct(source)
    assert (source / one.file).read_text().count(one.new) == 1


@pytest.mark.parametrize("one", CORRECTIONS, ids=lambda one: one.why)
@pytest.mark.parametrize("copies", [0, 2])
def test_place_that_is_gone_or_there_twice_is_refused_with_what_it_was_for(
    source: Path, one: Correction, copies: int
) -> None:
    path = source / one.file
    path.write_text(path.read_text().replace(one.old, "\n".join([one.old] * copies)))
    with pytest.raises(BuildError) as error:
        correct(source)
    assert str(error.value) == (
        f"{one.file} is not as expected ({one.why}): see CORRECTIONS in scripts/engine/corrections.py"
    )


@pytest.mark.parametrize("file", FILES)
def test_source_without_the_file_is_refused(source: Path, file: str) -> None:
    (source / file).unlink()
    with pytest.raises(BuildError, match="not as expected"):
        correct(source)


def test_what_a_change_does_not_name_stays(source: Path) -> None:
    correct(source)
    for file in FILES:
        lines = (source / file).read_text().splitlines()
        assert (lines[0], lines[-1]) == ("begin", "end")


def test_header_lies_where_the_changes_include_it_from(source: Path) -> None:
    correct(source)
    assert (source / "pjlib/include/pj/ivrcore_rtp.h").read_bytes() == OUR_HEADER.read_bytes()
    assert any("#include <pj/ivrcore_rtp.h>" in (source / file).read_text() for file in FILES)


def test_stream_says_that_it_has_started_before_it_asks_for_packets(source: Path) -> None:
    correct(source)
    text = (source / "pjmedia/src/pjmedia/transport_udp.c").read_text()
    assert text.index("udp->started = PJ_TRUE;") < text.index("before recvfrom RTP")


def test_every_function_that_the_changes_call_is_declared() -> None:
    header = OUR_HEADER.read_text()
    called = {
        word.partition("(")[0].strip("!")
        for one in CORRECTIONS
        for word in one.new.split()
        if word.strip("!").startswith("ivrcore_") and "(" in word
    }
    assert len(called) == 10
    for name in called:
        assert f"{name}(" in header


def test_socket_leaves_the_kernels_set_only_after_its_packet_was_handled(source: Path) -> None:
    correct(source)
    text = (source / "pjlib/src/pj/ioqueue_common_abs.c").read_text()
    handled = text.index("ioqueue_dispatch_read_event_no_lock(h, 0);")
    assert text.count("ioqueue_remove_from_set(ioqueue, h, READABLE_EVENT)") == 1
    assert text.index("ioqueue_remove_from_set(ioqueue, h, READABLE_EVENT)") > handled


def test_listener_beyond_the_room_for_them_is_refused_before_it_is_written(source: Path) -> None:
    correct(source)
    text = (source / "pjmedia/src/pjmedia/conference.c").read_text()
    refused = text.index("return PJ_ETOOMANY;")
    assert text.index("listener_cnt >= MOST_LISTENERS") < refused
    assert refused < text.index("listener_slots[src_port->listener_cnt] = sink_slot;")
    assert "max_ports" not in text


def test_receiving_thread_waits_only_after_packets_and_only_when_it_may(source: Path) -> None:
    correct(source)
    text = (source / "pjmedia/src/pjmedia/endpoint.c").read_text()
    assert "> 0 && ivrcore_rtp_may_wait())\n            pj_thread_sleep(IVRCORE_RTP_GATHER_MS);" in text
