"""The trunks, the softphone accounts, the numbers' forms, and the `testbed` script itself."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from media.types import Pcm16
from media.wav import read_pcm
from tests.e2e.asterisk.testbed_client import TESTBED, CallReport, Testbed

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]

TRUNK = ("--username", "trunk-digest", "--password", "trunk-digest-secret")


def phone(testbed: Testbed, number: int, password: str | None = None) -> list[str]:
    """Arguments that make a softphone the account of this number."""
    identity = ["--identity", f"sip:{number}@127.0.0.1", "--registrar", f"sip:127.0.0.1:{testbed.sip_port}"]
    return [*identity, "--username", str(number), "--password", password or f"ivrcore-{number}"]


# --- start-up -----------------------------------------------------------------------------------------------


def test_start_leaves_no_warning_and_no_error_in_the_log(testbed: Testbed) -> None:
    log = (testbed.state / "log" / "messages.log").read_text()
    start, ready, _ = log.partition("Asterisk Ready.")
    assert ready
    assert not re.search(r"\b(WARNING|ERROR)\[", start)


def test_asterisk_is_ready_within_2_seconds_of_its_start(testbed: Testbed) -> None:
    log = (testbed.state / "log" / "messages.log").read_text()
    seconds = [
        float(m)
        for m in re.findall(r"^\[\S+ \d\d:\d\d:(\d\d\.\d+)\]", log.partition("Asterisk Ready.")[0], re.M)
    ]
    assert (seconds[-1] - seconds[0]) % 60.0 < 2.0


def test_version_is_22(testbed: Testbed) -> None:
    assert testbed.cli("core show version").startswith("Asterisk 22.")


# --- trunks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "13", "8613", "+8613", "008613"])
def test_robot_is_reached_by_every_form_of_its_number(testbed: Testbed, prefix: str) -> None:
    number = f"7486000{10 + len(prefix)}"
    assert testbed.call(prefix + number).end_code == 486


def test_unknown_number_is_404(testbed: Testbed) -> None:
    assert testbed.call("+8675528000001").end_code == 404


def test_open_trunk_asks_no_password_of_any_caller(testbed: Testbed) -> None:
    assert 401 not in testbed.call("748600020", "--identity", "sip:+8675528000001@127.0.0.1").codes


def test_digest_trunk_refuses_a_caller_without_password(testbed: Testbed) -> None:
    report = testbed.call("748600021", port=testbed.digest_port)
    assert report.codes == (401,)


def test_digest_trunk_refuses_a_wrong_password(testbed: Testbed) -> None:
    report = testbed.call("748600022", *TRUNK[:3], "wrong", port=testbed.digest_port)
    assert report.end_code == 401


def test_digest_trunk_takes_the_password_from_any_calling_number(testbed: Testbed) -> None:
    identity = ("--identity", "sip:+8675528000001@127.0.0.1")
    report = testbed.call("748600023", *TRUNK, *identity, port=testbed.digest_port)
    assert report.end_code == 486


def test_digest_trunk_takes_a_registration(testbed: Testbed) -> None:
    registrar = ("--registrar", f"sip:127.0.0.1:{testbed.digest_port}")
    identity = ("--identity", "sip:trunk-digest@127.0.0.1")
    uri = testbed.uri("710000024", testbed.digest_port)
    running = testbed.start_softphone("registered", "--uri", uri, *TRUNK, *identity, *registrar)
    running.wait_for("registration")
    assert "trunk-digest/sip:trunk-digest@127.0.0.1" in testbed.cli("pjsip show contacts")
    assert running.report(3.0).codes == (100, 180, 200)


# --- softphones ---------------------------------------------------------------------------------------------


def call_a_phone(testbed: Testbed, callee: int, dialled: str, *caller: str) -> tuple[CallReport, CallReport]:
    """A registered phone that says talk-1 is called by one that says talk-2; both reports, caller's first."""
    ringing = testbed.start_softphone(
        f"callee-{callee}", "--wait-for-call", "15", "--seconds", "8", *phone(testbed, callee), play="talk-1"
    )
    ringing.wait_for("registration")
    uri = testbed.uri(dialled)
    report = testbed.start_softphone(
        f"caller-{callee}", "--uri", uri, "--seconds", "3", *caller, play="talk-2"
    ).report(3.0)
    return report, ringing.report(8.0)


@pytest.mark.parametrize(
    ("callee", "dialled"), [(1001, "1001"), (1002, "+8613800001002"), (1010, "13800001010")]
)
def test_trunk_reaches_a_registered_phone_and_both_hear_each_other(
    testbed: Testbed, callee: int, dialled: str
) -> None:
    caller, called = call_a_phone(testbed, callee, dialled)
    assert caller.codes[-1] == 200
    assert called.bye_reason == "Q.850;cause=16"
    for report, signal in ((caller, "talk-1"), (called, "talk-2")):
        assert heard_share(report, testbed, signal) > 0.7


def test_phones_call_each_other(testbed: Testbed) -> None:
    caller, called = call_a_phone(testbed, 1004, "1004", *phone(testbed, 1003))
    assert caller.codes[-1] == 200
    assert heard_share(caller, testbed, "talk-1") > 0.7
    assert heard_share(called, testbed, "talk-2") > 0.7


def test_phone_calls_a_robot(testbed: Testbed) -> None:
    assert testbed.call("748600030", *phone(testbed, 1005)).end_code == 486


def test_phone_with_a_wrong_password_is_refused(testbed: Testbed) -> None:
    identity = ("--identity", "sip:1006@127.0.0.1", "--username", "1006", "--password", "wrong")
    assert testbed.call("748600031", *identity).end_code == 401


def test_unregistered_phone_is_480_subscriber_absent(testbed: Testbed) -> None:
    report = testbed.call("1009")
    assert (report.end_code, report.responses[-1].reason) == (480, "Q.850;cause=20")


def heard_share(report: CallReport, testbed: Testbed, name: str) -> float:
    """Share of the 100 ms pieces of a signal's first second that the phone heard, each in any place."""
    heard, signal = read_pcm(report.heard).astype(np.float64), testbed.signal(name).astype(np.float64)
    pieces = [signal[n : n + 800] for n in range(0, 8000, 800)]
    found = 0
    for piece in pieces:
        at = int(np.argmax(np.correlate(heard, piece, "valid")))
        there = heard[at : at + len(piece)]
        found += bool(there @ piece > 0.95 * np.linalg.norm(there) * np.linalg.norm(piece))
    return found / len(pieces)


# --- records ------------------------------------------------------------------------------------------------


def test_call_record_has_number_id_and_disposition(testbed: Testbed) -> None:
    testbed.call("711010060", "--header", "X-Robot: id=record-a")
    testbed.call("748600060", "--header", "X-Robot: id=record-b")
    rows = (testbed.state / "log" / "cdr-custom" / "calls.csv").read_text().splitlines()
    fields = {
        cells[5]: (cells[4], cells[6]) for cells in ([c.strip('"') for c in row.split(",")] for row in rows)
    }
    assert fields["recorda"] == ("711010060", "ANSWERED")
    assert fields["recordb"] == ("748600060", "BUSY")


def test_digits_that_a_robot_hears_are_in_the_digit_log(testbed: Testbed) -> None:
    testbed.call("710000061", "--press", "42")
    log = (testbed.state / "log" / "dtmf.log").read_text()
    assert re.search(r"DTMF end '4' received .*duration \d+ ms", log)
    assert re.search(r"DTMF end '2' received .*duration \d+ ms", log)


def test_twelve_calls_at_once_have_a_recording_each(testbed: Testbed) -> None:
    # Beyond the numbers that the callback matrix teaches: what a robot was taught, it keeps.
    numbers = [f"71100{k:04}" for k in range(9100, 9112)]
    with ThreadPoolExecutor(max_workers=12) as pool:
        reports = list(pool.map(lambda number: testbed.call(number, seconds=4.0), numbers))
    assert [report.codes[-1] for report in reports] == [200] * 12
    for number in numbers:
        recording = testbed.recording(number, "5550100")
        assert np.array_equal(
            recording.said[8000:16000], aligned(testbed, number, recording.said)[8000:16000]
        )


def aligned(testbed: Testbed, number: str, said: Pcm16) -> Pcm16:
    """The number's signal, behind the whole packets of silence that the recording begins with."""
    first = int(np.flatnonzero(np.abs(said.astype(np.int32)) > 8)[0])
    return np.concatenate([np.zeros(first // 160 * 160, np.int16), testbed.signal(f"talk-{number[-1]}")])


# --- the script ---------------------------------------------------------------------------------------------


def test_two_instances_run_side_by_side(testbed: Testbed, tmp_path: Path) -> None:
    environment = {**os.environ, "IVRCORE_ASTERISK_INSTANCE": f"second-{os.getpid()}"}
    environment["IVRCORE_ASTERISK_STATE"] = str(tmp_path)
    up = subprocess.run([str(TESTBED), "up", "--free-ports"], env=environment, capture_output=True, text=True)
    try:
        assert up.returncode == 0, up.stderr
        second = Testbed(dict(line.split("=", 1) for line in up.stdout.splitlines()), environment, tmp_path)
        assert second.sip_port != testbed.sip_port
        assert second.call("748600070").end_code == 486
        assert testbed.call("748600070").end_code == 486
    finally:
        subprocess.run([str(TESTBED), "down"], env=environment, check=True)
    assert (
        subprocess.run(
            [str(TESTBED), "rx", "core show uptime"], env=environment, capture_output=True
        ).returncode
        == 1
    )


def test_script_fails_where_its_sip_port_is_taken(testbed: Testbed, tmp_path: Path) -> None:
    environment = {**os.environ, "IVRCORE_ASTERISK_INSTANCE": f"third-{os.getpid()}"}
    environment |= {
        "IVRCORE_ASTERISK_STATE": str(tmp_path),
        "IVRCORE_ASTERISK_SIP_PORT": str(testbed.sip_port),
    }
    up = subprocess.run([str(TESTBED), "up"], env=environment, capture_output=True, text=True)
    assert up.returncode == 1
    assert f"are the ports {testbed.sip_port}," in up.stderr


def test_script_exits_77_with_the_reason_where_no_engine_runs() -> None:
    environment = {**os.environ, "IVRCORE_CONTAINER_ENGINE": "false"}
    run = subprocess.run([str(TESTBED), "up"], env=environment, capture_output=True, text=True)
    assert run.returncode == 77
    assert "no container engine" in run.stderr


def test_script_refuses_an_unknown_verb() -> None:
    run = subprocess.run([str(TESTBED), "frobnicate"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "testbed up" in run.stderr
