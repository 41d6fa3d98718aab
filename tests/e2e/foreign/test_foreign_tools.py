"""The instruments of this directory: missing tools are told, logs and packets read for what they say."""

import socket
from pathlib import Path

import numpy as np
import pytest

from media.g711 import alaw_encode, ulaw_encode
from media.testsignal import talk
from media.types import Coded8
from media.wav import read_pcm
from tests.e2e.foreign.rtp_party import PCMA, PCMU, RtpParty, write_heard
from tests.e2e.foreign.sipp import SCENARIOS, read_log
from tests.e2e.foreign.tools import require
from tests.e2e.loopback.wirephone import RtpPacket

pytestmark = pytest.mark.e2e

PACKET_SAMPLES = 160


# -- missing tools ------------------------------------------------------------------------------------------


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No program is found, and nothing demands that all tests run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("IVRCORE_REQUIRE_ASTERISK", raising=False)
    return monkeypatch


def test_missing_tool_skips_by_name_and_package(empty_path: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"sipp is not installed.*sip-tester"):
        require("sipp")


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("IVRCORE_REQUIRE_ASTERISK", "1")])
def test_missing_tool_fails_where_all_tests_must_run(
    empty_path: pytest.MonkeyPatch, name: str, value: str
) -> None:
    empty_path.setenv(name, value)
    with pytest.raises(pytest.fail.Exception, match=r"baresip is not installed.*baresip-core"):
        require("baresip")


def test_tool_that_is_there_is_found(empty_path: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "sipp"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert require("sipp") == str(program)


# -- SIPp's log ---------------------------------------------------------------------------------------------

LOG = """\
----------------------------------------------- 2026-11-23 01:15:25.250000
UDP message received [330] bytes :

ACK sip:sipp@127.0.0.1:55199 SIP/2.0
To: sip:sipp@127.0.0.1;tag=1a
CSeq: 29621 ACK
Content-Length:  0


----------------------------------------------- 2026-11-23 01:15:26.500000
UDP message sent (353 bytes):

SIP/2.0 200 OK
CSeq: 1 UPDATE
Content-Type: application/sdp
Content-Length: 40

v=0
m=audio 4000 RTP/AVP 8 101
"""


def test_log_gives_who_said_what_when() -> None:
    ack, answer = read_log(LOG)
    assert (ack.by_sipp, ack.name) == (False, "ACK")
    assert (answer.by_sipp, answer.name) == (True, "200 UPDATE")
    assert answer.message.at_s - ack.message.at_s == pytest.approx(1.25)
    assert ack.message.header("To") == "sip:sipp@127.0.0.1;tag=1a"


def test_log_keeps_bodies_and_their_absence() -> None:
    ack, answer = read_log(LOG)
    assert ack.message.body == ""
    assert answer.message.payload_types == [8, 101]


def test_every_scenario_says_what_it_is_about() -> None:
    scenarios = sorted(SCENARIOS.glob("*.xml"))
    assert scenarios
    for path in scenarios:
        head = path.read_text().splitlines()
        assert head[1].startswith("<!-- "), path.name
        assert any(line == f'<scenario name="{path.stem}">' for line in head[:6]), path.name


# -- packets ------------------------------------------------------------------------------------------------


def packets(codes: Coded8, kind: int, *, ticks: int, at_s: float) -> list[RtpPacket]:
    """A stream at its pace."""
    return [
        RtpPacket(
            at_s=at_s + start / 8000,
            marker=False,
            payload_type=kind,
            sequence=start // PACKET_SAMPLES,
            timestamp_ticks=(ticks + start) % 2**32,
            payload=codes[start : start + PACKET_SAMPLES].tobytes(),
        )
        for start in range(0, codes.size, PACKET_SAMPLES)
    ]


def test_packets_are_put_where_their_timestamps_say_over_the_wrap(tmp_path: Path) -> None:
    said = talk(1, 0.2)
    stream = packets(alaw_encode(said), PCMA, ticks=2**32 - 320, at_s=50.0)
    del stream[4]
    assert write_heard(stream, tmp_path / "heard.wav") == 50.0
    heard = read_pcm(tmp_path / "heard.wav")
    assert heard.size == said.size
    gap = slice(4 * PACKET_SAMPLES, 5 * PACKET_SAMPLES)
    assert np.abs(heard[gap]).max() < 10
    heard[gap] = said[gap]
    assert np.corrcoef(heard, said)[0, 1] > 0.999


def test_new_stream_begins_where_its_first_packet_arrived(tmp_path: Path) -> None:
    said = talk(2, 0.1)
    first = packets(alaw_encode(said), PCMA, ticks=0, at_s=10.0)
    second = packets(ulaw_encode(said), PCMU, ticks=999_000, at_s=11.0)
    write_heard([*first, *second], tmp_path / "heard.wav")
    heard = read_pcm(tmp_path / "heard.wav")
    assert heard.size == 8000 + said.size
    assert np.corrcoef(heard[8000:], said)[0, 1] > 0.999
    assert np.abs(heard[said.size : 8000]).max() < 10


def test_second_port_speaks_once_the_log_names_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    voices = talk(3, 0.5), talk(4, 0.5)
    with RtpParty(tmp_path, log, voices) as party, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5.0)
        peer.sendto(bytes([0x80, PCMU]) + bytes(10) + b"\xff" * PACKET_SAMPLES, ("127.0.0.1", party.ports[0]))
        data, source = peer.recvfrom(2048)
        assert (source[1], data[1]) == (party.ports[0], PCMU)
        log.write_text(f"m=audio {party.ports[1]} RTP/AVP 8\n")
        while source[1] == party.ports[0]:
            _, source = peer.recvfrom(2048)
        assert source[1] == party.ports[1]
        first, second = party.packets()
    assert [packet.payload for packet in first] == [b"\xff" * PACKET_SAMPLES]
    assert second == ()
