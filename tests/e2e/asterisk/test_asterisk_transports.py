"""A recorded callback over IPv6 and over TCP with a foreign SIP stack, heard at both ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from media.fingerprint import KnownSignal, identify
from media.wav import read_pcm
from sip.address import host_and_port
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.loopback.addresses import needs_ipv6
from tests.e2e.loopback.parties import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]


@pytest.mark.parametrize(
    ("host", "transport", "a", "b"),
    [
        # A talks until it is hung up, B hangs up after 5 s; they say talk-1 and talk-2.
        pytest.param("::1", "udp", "711006601", "711056602", marks=needs_ipv6),
        ("127.0.0.1", "tcp", "711006611", "711056612"),
    ],
)
def test_callback_is_heard_by_both_and_recorded(
    testbed: Testbed, tmp_path: Path, host: str, transport: str, a: str, b: str
) -> None:
    trunk = host_and_port(host, testbed.sip_port)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ivrcore", "call", a, b, "--trunk", trunk, "--transport", transport),
            *("--bind", host, "--display-a", a[-4:], "--display-b", b[-4:], "--record", "--json"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    known = [KnownSignal(name, testbed.signal(name), loop=True) for name in ("talk-1", "talk-2")]
    path = tmp_path / record["recording"]["path"]
    assert {one.name for one in identify(read_pcm(path), known)} == {"talk-1", "talk-2"}
    for number, other in ((a, "talk-2"), (b, "talk-1")):
        heard = testbed.recording(number, number[-4:]).heard
        (stretch,) = identify(heard, known)
        assert stretch.name == other
        assert stretch.end_s - stretch.start_s > 4.0
