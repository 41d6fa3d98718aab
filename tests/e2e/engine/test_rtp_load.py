"""The load generator counts right: two of its parties talk to each other, and a far end errs on purpose."""

import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calls_load import free_ports
from benchmarks.calls_run import VOICE_S, parties_of
from benchmarks.rtp_load import Counts, Party, RtpLoad, built
from media.g711 import alaw_decode, alaw_encode
from media.testsignal import talk

LEGS = 40
FRAME = 160

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("cc") is None, reason="there is no cc")]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[RtpLoad]:
    """Two parties of forty telephones that nobody has called yet."""
    running = RtpLoad(tmp_path / "load", free_ports(4 * LEGS), LEGS, parties_of("record"))
    yield running
    running.end()


class FarEnd:
    """One far end of the first telephone, packet by packet."""

    def __init__(self, load: RtpLoad) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._there = ("127.0.0.1", load.port(0, 0))
        self._codes = alaw_encode(talk(1, VOICE_S)).tobytes()
        load.tell(f"send {load.port(0, 0)} {self._socket.getsockname()[1]}")

    def send(self, seq: int, frame: int, ssrc: int = 7) -> None:
        """The frame of B's voice under this sequence number."""
        header = struct.pack("!BBHII", 0x80, 8, seq & 0xFFFF, 0, ssrc)
        frame %= len(self._codes) // FRAME
        self._socket.sendto(header + self._codes[frame * FRAME : (frame + 1) * FRAME], self._there)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def far_end(load: RtpLoad) -> Iterator[FarEnd]:
    """Whom the first telephone calls."""
    end = FarEnd(load)
    yield end
    end.close()


def after_a_tick(load: RtpLoad) -> Counts:
    """Its counts once everything that was sent is read."""
    time.sleep(0.06)
    return load.report()


# -- two parties ------------------------------------------------------------------------------------


def test_parties_that_talk_to_each_other_hear_every_packet(load: RtpLoad) -> None:
    for call in range(LEGS):
        load.tell(f"send {load.port(0, call)} {load.port(1, call)}")
        load.tell(f"send {load.port(1, call)} {load.port(0, call)}")
    time.sleep(0.2)
    load.window()
    time.sleep(1.0)
    counts = load.report()
    for party in counts.parties:
        assert (party.talking, party.deaf, party.unsent) == (LEGS, 0, 0)
        assert (party.lost, party.missing, party.doubled, party.disordered) == (0, 0, 0, 0)
        assert party.known == party.received
        assert party.jumps == 0
        assert party.received == pytest.approx(50 * LEGS * counts.window_s, abs=2 * LEGS)
    assert counts.parties[0].gap_p50_ms in (20.0, 21.0)


def test_telephone_without_an_address_answers_the_first_who_sends(load: RtpLoad) -> None:
    load.tell(f"send {load.port(0, 0)} 0")
    load.tell(f"send {load.port(1, 0)} {load.port(0, 0)}")
    time.sleep(0.3)
    counts = load.report()
    assert all(party.received > 5 for party in counts.parties)


def test_stopped_telephone_sends_no_more_and_can_be_called_again(load: RtpLoad, far_end: FarEnd) -> None:
    load.tell(f"stop {load.port(0, 0)}")
    time.sleep(0.1)
    load.window()
    time.sleep(0.1)
    counts = load.report()
    assert (counts.parties[0].talking, counts.parties[0].sent) == (0, 0)
    again = FarEnd(load)
    again.send(1, 0)
    assert after_a_tick(load).parties[0].received == 1
    again.close()


# -- a far end that errs -----------------------------------------------------------------------------


def test_hole_in_the_sequence_is_loss(load: RtpLoad, far_end: FarEnd) -> None:
    for seq in (65534, 65535, 0, 3, 4):  # 1 and 2 are lost behind the wrap
        far_end.send(seq, seq)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.lost, party.doubled, party.disordered) == (5, 2, 0, 0)


def test_packet_that_comes_later_is_not_lost(load: RtpLoad, far_end: FarEnd) -> None:
    for seq in (10, 12, 11, 13):
        far_end.send(seq, seq)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.lost, party.doubled, party.disordered) == (4, 0, 0, 1)


def test_packet_that_comes_twice_counts_once(load: RtpLoad, far_end: FarEnd) -> None:
    for seq in (10, 11, 11, 12):
        far_end.send(seq, seq)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.lost, party.doubled) == (3, 0, 1)


def test_new_stream_begins_without_loss(load: RtpLoad, far_end: FarEnd) -> None:
    far_end.send(10, 0)
    far_end.send(400, 1, ssrc=8)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.lost) == (2, 0)


def test_pause_is_a_gap_and_what_did_not_come_is_missing(load: RtpLoad, far_end: FarEnd) -> None:
    load.window()
    far_end.send(0, 0)
    time.sleep(0.5)
    far_end.send(1, 1)
    counts = after_a_tick(load)
    party = counts.parties[0]
    assert 500 <= party.gap_max_ms < 560
    assert party.wide == 1
    assert party.lost == 0
    # 0.56 s or more are 28 packets; two came, and two are left out at the edges.
    assert party.missing == pytest.approx(50 * counts.window_s - 4, abs=1.5)


def test_frame_out_of_turn_is_a_jump_and_noise_is_unknown(load: RtpLoad, far_end: FarEnd) -> None:
    for seq, frame in enumerate((5, 6, 7, 20, 21)):
        far_end.send(seq, frame)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.known, party.jumps) == (5, 5, 1)
    far_end._codes = alaw_encode(talk(3, VOICE_S)).tobytes()
    far_end.send(5, 22)
    party = after_a_tick(load).parties[0]
    assert (party.received, party.known) == (6, 5)


def test_stranger_is_not_heard(load: RtpLoad, far_end: FarEnd) -> None:
    far_end.send(0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(
            struct.pack("!BBHII", 0x80, 8, 9, 0, 9) + bytes(FRAME), ("127.0.0.1", load.port(0, 0))
        )
    assert after_a_tick(load).parties[0].received == 1


def test_kept_audio_has_silence_in_place_of_what_was_lost(load: RtpLoad, far_end: FarEnd) -> None:
    path = load.keep(0, 0)
    time.sleep(0.05)
    for seq in (0, 1, 3):
        far_end.send(seq, seq)
    time.sleep(0.06)
    load.end()
    heard = alaw_decode(np.frombuffer(path.read_bytes(), np.uint8))
    said = alaw_decode(alaw_encode(talk(1, VOICE_S)))
    assert heard.size == 4 * FRAME
    assert (heard[: 2 * FRAME] == said[: 2 * FRAME]).all()
    assert abs(heard[2 * FRAME : 3 * FRAME]).max() <= 8
    assert (heard[3 * FRAME :] == said[3 * FRAME : 4 * FRAME]).all()


# -- the program itself -------------------------------------------------------------------------------


def test_end_is_reported_at_its_limit(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "control")
    (tmp_path / "voice").write_bytes(bytes(FRAME))
    voice = str(tmp_path / "voice")
    arguments = [str(tmp_path / "control"), "0.2", str(free_ports(4)), "2", voice, voice]
    done = subprocess.run([built(), *arguments], capture_output=True, text=True, timeout=5.0, check=True)
    ready, last = done.stdout.splitlines()
    assert json.loads(ready) == {"ready": True}
    assert Counts.of(last).parties[0].talking == 0


def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        first = free_ports(4)
        taken.bind(("127.0.0.1", first + 2))
        party = Party(talk(0, 0.1), talk(1, 0.1))
        with pytest.raises(RuntimeError, match=f"UDP port {first + 2}: Address already in use"):
            RtpLoad(tmp_path / "load", first, 2, (party,))


def test_machine_without_a_compiler_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="needs a C compiler") as error:
        built()
    assert "\n" not in str(error.value)
