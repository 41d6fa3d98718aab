"""What cannot work is told in one line, calls nobody and leaves nothing behind."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pytest
import soundfile

from media.testsignal import talk
from tests.e2e.callback.core import DEADLINE_S, Core, Finished, run_core
from tests.e2e.loopback.wirephone import WirePhone

pytestmark = pytest.mark.e2e

NOWHERE = "127.0.0.1:9"
"""Discard: nothing listens there on a machine of today."""

NOBODY = (f"sip:a@{NOWHERE}", f"sip:b@{NOWHERE}")
TRUNK = ("100", "200", "--trunk", NOWHERE)

LOOK_AHEAD = 4

TIMER_B_S = 32.0
"""RFC 3261 section 17.1.1.2: 64 times T1."""


@pytest.fixture(scope="module", autouse=True)
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """A call to a trunk that never answers, under way while the other tests run: it takes 32 s."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        trunk = f"127.0.0.1:{silent.getsockname()[1]}"
        data = tmp_path_factory.mktemp("unanswered")
        with Core("100", "200", "--trunk", trunk, "--json", "--data", str(data)) as core:
            yield core


def call(data: Path, *arguments: str) -> Finished:
    return run_core("--json", "--data", str(data), *arguments)


def told(finished: Finished) -> str:
    """The one line that refuses."""
    assert finished.status == 2, finished.stderr
    assert finished.stdout == ""
    assert len(finished.lines) == 1, finished.stderr
    assert finished.lines[0].startswith("ivrcore: ")
    return finished.lines[0].removeprefix("ivrcore: ")


def nothing_left(data: Path) -> bool:
    """No recording, whole or half, and no capture."""
    return [path for part in ("recordings", "captures") for path in data.glob(f"{part}/**/*")] == [] and list(
        data.glob("**/*.part")
    ) == []


# -- attempts -----------------------------------------------------------------------------------------------


class Attempt(NamedTuple):
    """A core that was started with the arguments of a test, and what it left."""

    finished: Finished
    data: Path
    arguments: tuple[str, ...]


class Attempts:
    """Runs of the core that call nobody, two at a time, ahead of their tests: most of each is its start."""

    def __init__(self, places: dict[str, str], factory: pytest.TempPathFactory) -> None:
        self._places = places
        self._factory = factory
        self._pool = ThreadPoolExecutor(2)
        self._futures: dict[str, Future[Attempt]] = {}

    def prepare(self, item: pytest.Item) -> None:
        """Run the core of a test, once, as soon as there is room."""
        if item.nodeid not in self._futures and isinstance(item, pytest.Function):
            params = item.callspec.params if hasattr(item, "callspec") else {}
            if "arguments" in params:
                self._futures[item.nodeid] = self._pool.submit(
                    self._run,
                    cast("tuple[str, ...]", params["arguments"]),
                    cast("str | None", params.get("obstacle")),
                )

    def result(self, item: pytest.Item) -> Attempt:
        """Of the test."""
        return self._futures[item.nodeid].result()

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, arguments: tuple[str, ...], obstacle: str | None) -> Attempt:
        data = self._factory.mktemp("attempt") / "data"
        if obstacle is not None:
            (data / obstacle).parent.mkdir(exist_ok=True)
            (data / obstacle).write_text("not a directory")
        places = {**self._places, "data": str(data)}
        placed = tuple(argument.format(**places) for argument in arguments)
        return Attempt(call(data, *placed), data, placed)


@pytest.fixture(scope="module")
def attempts(prompts: Path, busy_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempts]:
    """What stands in braces in arguments is replaced by its place."""
    attempts = Attempts({"prompts": str(prompts), "busy_port": str(busy_port)}, tmp_path_factory)
    try:
        yield attempts
    finally:
        attempts.close()


@pytest.fixture
def attempt(request: pytest.FixtureRequest, attempts: Attempts) -> Attempt:
    """The finished core of this test, while those of the next ones run."""
    items = request.session.items
    here = items.index(request.node)
    for item in items[here : here + LOOK_AHEAD]:
        if item.path == request.node.path:
            attempts.prepare(item)
    return attempts.result(request.node)


# -- prompts ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts that are not the service's format, each in one way."""
    folder = tmp_path_factory.mktemp("prompts")
    pcm = talk(1, 2.0)
    soundfile.write(folder / "pcm.wav", pcm, 8000, subtype="PCM_16")
    soundfile.write(folder / "mu-law.wav", pcm, 8000, subtype="ULAW")
    soundfile.write(folder / "16-khz.wav", pcm, 16000, subtype="ALAW")
    soundfile.write(folder / "stereo.wav", np.stack([pcm, pcm], axis=1), 8000, subtype="ALAW")
    soundfile.write(folder / "too-large.wav", np.tile(pcm, 140), 8000, subtype="ALAW")
    (folder / "no-wav.wav").write_text("This is a letter, and no sound at all.\n")
    (folder / "empty.wav").touch()
    (folder / "directory.wav").mkdir()
    return folder


@pytest.mark.parametrize(
    ("arguments", "property_named"),
    [
        pytest.param((*NOBODY, "--record", "--pre-voice", f"{{prompts}}/{name}"), line, id=name)
        for name, line in (
            ("pcm.wav", "encoding is PCM, must be A-law"),
            ("mu-law.wav", "encoding is mu-law, must be A-law"),
            ("16-khz.wav", "sample rate is 16000 Hz, must be 8000 Hz"),
            ("stereo.wav", "number of channels is 2, must be 1"),
            ("too-large.wav", "must be at most 2097152 bytes"),
            ("no-wav.wav", "must be a RIFF WAVE file"),
            ("empty.wav", "is empty"),
            ("directory.wav", "is not a regular file"),
            ("missing.wav", "No such file or directory"),
        )
    ],
)
def test_prompt_of_a_wrong_format_is_refused_by_name_and_property(
    attempt: Attempt, arguments: tuple[str, ...], property_named: str
) -> None:
    line = told(attempt.finished)
    assert line.startswith(f"preVoice: {attempt.arguments[-1]}: ")
    assert property_named in line
    assert nothing_left(attempt.data)


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        pytest.param((*NOBODY, *options, "{prompts}/pcm.wav"), prompt, id=prompt)
        for options, prompt in (
            (("--wait-voice",), "waitVoice"),
            (("--record", "--record-hint"), "recordHintTone"),
            (("--max-duration", "2", "--last-minute"), "lastMinVoice"),
        )
    ],
)
def test_every_prompt_is_judged_before_anybody_is_called(
    attempt: Attempt, arguments: tuple[str, ...], prompt: str
) -> None:
    assert told(attempt.finished).startswith(f"{prompt}: {attempt.arguments[-1]}: encoding is PCM")
    assert nothing_left(attempt.data)


# -- numbers and options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(arguments, line, id=line)
        for arguments, line in (
            (("12a3", "200", "--trunk", NOWHERE), "destination '12a3' is neither a number"),
            (("100", "2 00", "--trunk", NOWHERE), "destination '2 00' is neither a number"),
            (("100", "sip:b@", "--trunk", NOWHERE), "destination 'sip:b@' is not a SIP URI"),
            (("100", "sip:b@h:99999", "--trunk", NOWHERE), "destination 'sip:b@h:99999' is not a SIP URI"),
            (("", "200", "--trunk", NOWHERE), "destination '' is neither a number"),
            (("1" * 32, "200", "--trunk", NOWHERE), "destination '1111"),
            (("100", "200"), "number 100 needs a trunk"),
            (("100", "200", "--trunk", "127.0.0.1:0"), "trunk '127.0.0.1:0': the port must be"),
            (("100", "200", "--trunk", "two hosts"), "trunk 'two hosts' is not host or host:port"),
            (("100", "200", "--trunk", NOWHERE, "--proxy", "gw"), "outbound proxy 'gw' is not a SIP URI"),
            (("100", "200", "--trunk", NOWHERE, "--password", "x"), "a trunk password needs a trunk user"),
            (("100", "200", "--trunk", NOWHERE, "--display-a", "1 2"), "display number '1 2' cannot stand"),
            (("100", "200", "--trunk", NOWHERE, "--codecs", "GSM7"), "unknown codec 'GSM7': known are PCMA"),
            (("100", "200", "--trunk", NOWHERE, "--codecs", ","), "no codec: name at least one"),
            (("100", "200", "--trunk", NOWHERE, "--max-duration", "-1"), "maxDuration -1 is not 0 to 1440"),
            (
                ("100", "200", "--trunk", NOWHERE, "--max-duration", "1441"),
                "maxDuration 1441 is not 0 to 1440",
            ),
            (("100", "200", "--trunk", NOWHERE, "--ring-timeout", "-5"), "ring timeout -5 s is not 1 to 600"),
            (("100", "200", "--trunk", NOWHERE, "--ring-timeout", "0"), "ring timeout 0 s is not 1 to 600"),
            (("100", "200", "--trunk", NOWHERE, "--clock-scale", "0"), "clock scale 0 is not 0.001 to 1000"),
            (
                ("100", "200", "--trunk", NOWHERE, "--clock-scale", "-1"),
                "clock scale -1 is not 0.001 to 1000",
            ),
            (("100", "200", "--trunk", NOWHERE, "--clock-scale", "nan"), "clock scale nan is not 0.001"),
            (("100", "200", "--trunk", NOWHERE, "--clock-scale", "inf"), "clock scale inf is not 0.001"),
            (("100", "200", "--trunk", NOWHERE, "--sip-port", "70000"), "SIP port 70000 is not 0 to 65535"),
            (("100", "200", "--trunk", NOWHERE, "--bind", "192.0.2.1"), "address 192.0.2.1 is not one of"),
        )
    ],
)
def test_malformed_option_is_named_in_one_line(
    attempt: Attempt, arguments: tuple[str, ...], line: str
) -> None:
    assert told(attempt.finished).startswith(line)
    assert nothing_left(attempt.data)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("100",), "'callee'"),
        (("-100", "200"), "-1"),
        (("100", "200", "--ring-timeout", "soon"), "--ring-timeout"),
        (("100", "200", "--callee-media", "some"), "--callee-media"),
    ],
)
def test_wrong_usage_is_status_2_and_names_the_argument(
    attempt: Attempt, arguments: tuple[str, ...], named: str
) -> None:
    finished = attempt.finished
    assert finished.status == 2
    assert "Traceback" not in finished.stderr
    assert "Usage: " in finished.lines[0]
    assert named in finished.stderr
    assert not attempt.data.exists()


# -- the machine --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy_port() -> Iterator[int]:
    """A UDP port that somebody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        yield busy.getsockname()[1]


@pytest.mark.parametrize("arguments", [(*TRUNK, "--sip-port", "{busy_port}")], ids=["busy"])
def test_busy_port_is_refused_with_the_way_out(
    attempt: Attempt, arguments: tuple[str, ...], busy_port: int
) -> None:
    assert told(attempt.finished) == (
        f"UDP port {busy_port} on 127.0.0.1 is in use: choose another SIP port, or 0 for a free one"
    )
    assert nothing_left(attempt.data)


@pytest.mark.parametrize(("arguments", "obstacle"), [((*TRUNK, "--record"), "")], ids=["data"])
def test_file_in_the_place_of_the_data_directory_is_refused(
    attempt: Attempt, arguments: tuple[str, ...], obstacle: str
) -> None:
    assert str(attempt.data) in told(attempt.finished)
    assert attempt.data.read_text() == "not a directory"


@pytest.mark.parametrize(
    ("arguments", "obstacle"),
    [pytest.param((*TRUNK, "--record"), part, id=part) for part in ("captures", "recordings", "cache")],
)
def test_file_in_the_place_of_one_of_its_directories_is_refused(
    attempt: Attempt, arguments: tuple[str, ...], obstacle: str
) -> None:
    assert str(attempt.data / obstacle) in told(attempt.finished)


@pytest.mark.parametrize("arguments", [(*TRUNK, "--trace", "{data}/missing/trace.log")], ids=["trace"])
def test_trace_file_that_cannot_be_written_is_refused(attempt: Attempt, arguments: tuple[str, ...]) -> None:
    assert attempt.arguments[-1] in told(attempt.finished)


# -- the trunk ----------------------------------------------------------------------------------------------


def failed(finished: Finished) -> str:
    """The last line of a call that was made and failed."""
    assert finished.status == 1, finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.lines[-1].startswith("ivrcore: call failed: ")
    return finished.lines[-1].removeprefix("ivrcore: call failed: ")


@contextmanager
def refusing(wire: WirePhone, status: str, *extra: str) -> Iterator[list[str]]:
    """Answers every INVITE with a status, and tells which ones came."""
    invites: list[str] = []
    over = threading.Event()

    def refuse() -> None:
        while not over.is_set():
            try:
                invite = wire.expect("INVITE", deadline_s=0.5)
            except AssertionError:
                continue
            invites.append(invite.text)
            wire.respond(invite, status, *extra)

    thread = threading.Thread(target=refuse)
    thread.start()
    try:
        yield invites
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("status", "challenge", "credentials"),
    [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_wrong_password_fails_the_call_and_says_so(
    wire: WirePhone, tmp_path: Path, status: str, challenge: str, credentials: str
) -> None:
    header = f'{challenge}: Digest realm="gw", nonce="8d1f", algorithm=MD5'
    with refusing(wire, status, header) as invites:
        trunk = ("--trunk", wire.address, "--user", "u", "--password", "wrong-secret")
        finished = call(tmp_path, "100", "200", *trunk, "--record")
    line = failed(finished)
    assert f"A (100) failed: SIP {status[:3]}" in line
    assert line.endswith("the trunk refused the user or password")
    assert "wrong-secret" not in finished.stdout + finished.stderr
    # Tried once with the credentials, and not again with what was refused.
    assert [f"\r\n{credentials}: " in invite for invite in invites] == [False, True]
    assert finished.record["stateCode"] == 8105
    assert nothing_left(tmp_path)


def test_challenge_without_credentials_fails_the_call_and_says_so(wire: WirePhone, tmp_path: Path) -> None:
    with refusing(wire, "401 Unauthorized", 'WWW-Authenticate: Digest realm="gw", nonce="8d1f"') as invites:
        line = failed(call(tmp_path, "100", "200", "--trunk", wire.address))
    assert line.endswith("the trunk refused the user or password")
    assert len(invites) == 1


def test_trunk_that_does_not_answer_is_given_up_when_the_ring_timer_ends(
    wire: WirePhone, tmp_path: Path
) -> None:
    options = ("--trunk", wire.address, "--ring-timeout", "2", "--record")
    finished = call(tmp_path, "100", "200", *options)
    assert failed(finished) == "A (100) did not answer in time"
    record = finished.record
    assert (record["stateCode"], record["releasePoint"]) == (8003, 514)
    assert nothing_left(tmp_path)


def test_trunk_that_rings_and_then_is_gone_does_not_hold_the_core_up(wire: WirePhone, tmp_path: Path) -> None:
    """Nobody answers the CANCEL: the record comes after the release guard, and the process ends with it."""
    with refusing(wire, "180 Ringing"):
        finished = run_core(
            *("100", "200", "--trunk", wire.address, "--ring-timeout", "2", "--record"),
            *("--json", "--data", str(tmp_path)),
            deadline_s=TIMER_B_S - 8.0,
        )
    failed(finished)
    assert finished.record["stateCode"] == 8003
    assert nothing_left(tmp_path)


def test_trunk_that_does_not_answer_is_told_apart_after_timer_b(unanswered: Core) -> None:
    finished = unanswered.finish(deadline_s=TIMER_B_S + DEADLINE_S)
    assert failed(finished).endswith("nothing answered there; is the trunk up, and its address right?")
    leg = finished.record["legs"]["A"]
    assert (leg["q850"], leg["sipStatus"], finished.record["stateCode"]) == (102, 408, 8001)
