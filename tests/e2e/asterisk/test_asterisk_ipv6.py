"""A recorded callback over the IPv6 trunk of a foreign SIP stack, heard at both ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from media.fingerprint import KnownSignal, identify
from media.wav import read_pcm
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.loopback.addresses import needs_ipv6
from tests.e2e.loopback.parties import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk, needs_ipv6]

A, B = "711006601", "711056602"
"""A talks until it is hung up, B hangs up after 5 s; they say talk-1 and talk-2."""


def test_callback_over_ipv6_is_heard_by_both_and_recorded(testbed: Testbed, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ivrcore", "call", A, B, "--trunk", f"[::1]:{testbed.sip_port}"),
            *("--bind", "::1", "--display-a", "6601", "--display-b", "6602", "--record", "--json"),
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
    for number, display, other in ((A, "6601", "talk-2"), (B, "6602", "talk-1")):
        heard = testbed.recording(number, display).heard
        (stretch,) = identify(heard, known)
        assert stretch.name == other
        assert stretch.end_s - stretch.start_s > 4.0
