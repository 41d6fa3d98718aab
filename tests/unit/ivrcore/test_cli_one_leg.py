"""`ivrcore notify` and `ivrcore verify`: what the command line becomes, and what it refuses in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivrcore import call_command
from ivrcore.call_command import Begin, SessionOptions
from ivrcore.cli import app
from ivrcore.cli_elements import parse
from ivrcore.contents import ContentSource, Text
from ivrcore.request import (
    Language,
    NotificationElement,
    NotificationRequest,
    RequestError,
    VerificationRequest,
)
from ivrcore.sounds import ToneFiles

MENU, THANKS = Path("menu.wav"), Path("thanks.wav")


class Recorder:
    """Stands for an application, and keeps what it was asked."""

    def __init__(self) -> None:
        self.session: SessionOptions | None = None
        self.notified: list[tuple[NotificationRequest, list[ContentSource]]] = []
        self.verified: list[tuple[VerificationRequest, ToneFiles]] = []

    def notify(
        self, request: NotificationRequest, contents: list[ContentSource], _observe: Callable[..., None]
    ) -> None:
        self.notified.append((request, contents))

    def verify(self, request: VerificationRequest, files: ToneFiles, _observe: Callable[..., None]) -> None:
        self.verified.append((request, files))

    def run(self, session: SessionOptions, begin: Begin) -> int:
        self.session = session
        begin(self, lambda _entry: None)  # type: ignore[arg-type]  # only what the command asks of it
        return 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(call_command, "run_session", recorder.run)
    return recorder


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env=env)
    return result.exit_code, result.stderr


# ---- elements in order


@pytest.mark.parametrize(
    ("options", "elements"),
    [
        ([("file", "menu.wav")], [(NotificationElement(), MENU)]),
        (
            [("text", "你好"), ("file", "menu.wav"), ("text", "x")],
            [
                (NotificationElement(), Text("你好")),
                (NotificationElement(), MENU),
                (NotificationElement(), Text("x")),
            ],
        ),
        (
            [("file", "menu.wav"), ("collect", "4"), ("file", "thanks.wav")],
            [(NotificationElement(collect=4), MENU), (NotificationElement(), THANKS)],
        ),
        (
            [("file", "menu.wav"), ("collect", "2"), ("replay_on", "1")],
            [(NotificationElement(collect=2, replay=True, trigger="1"), MENU)],
        ),
        (
            [("file", "menu.wav"), ("replay_on", "1"), ("collect", "2")],
            [(NotificationElement(collect=2, replay=True, trigger="1"), MENU)],
        ),
        (
            [("file", "menu.wav"), ("replay_on", "11")],
            [(NotificationElement(collect=2, replay=True, trigger="11"), MENU)],
        ),
        (
            [("file", "menu.wav"), ("collect", "1"), ("replay_on", "any")],
            [(NotificationElement(collect=1, replay=True), MENU)],
        ),
    ],
)
def test_options_belong_to_the_element_before_them(
    options: list[tuple[str, str]], elements: list[tuple[NotificationElement, ContentSource]]
) -> None:
    assert list(parse(options)) == elements


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([("collect", "1")], "--collect comes after the --file or --text it belongs to"),
        ([("replay_on", "1"), ("file", "a.wav")], "--replay-on comes after the --file or --text"),
        ([("file", "a.wav"), ("collect", "many")], "--collect is no number"),
        ([("file", "a.wav"), ("collect", "33")], "collectInd 33 is not 0 to 32"),
        ([("file", "a.wav"), ("replay_on", "any")], "--replay-on any comes after a --collect"),
        ([("file", "a.wav"), ("replay_on", "")], "--replay-on needs keys"),
        ([("file", "a.wav"), ("replay_on", "x")], "collectContentTriggerReplaying"),
        ([("file", "a.wav"), ("collect", "1"), ("replay_on", "11")], "--collect 1 never brings the keys"),
    ],
)
def test_options_without_sense_are_refused(options: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        parse(options)


# ---- notify


def test_notification_is_what_the_line_says_in_its_order(asked: Recorder) -> None:
    line = "notify 8001 --text 你好 --collect 1 --replay-on 1 --file thanks.wav --text 再见 --display 8100"
    assert run(*line.split(), "--ring-timeout", "20", "--json", "--trunk", "gw") == (0, "")
    ((request, contents),) = asked.notified
    assert request == NotificationRequest(
        "8001",
        "8100",
        (
            NotificationElement(collect=1, replay=True, trigger="1"),
            NotificationElement(),
            NotificationElement(),
        ),
        ring_timeout_s=20,
    )
    assert contents == [Text("你好"), THANKS, Text("再见")]
    assert asked.session is not None
    assert asked.session.as_json
    assert asked.session.trunk_host == "gw"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "playInfoList of 0 elements is not 1 to 5"),
        (["--text", "x"] * 6, "playInfoList of 6 elements is not 1 to 5"),
        (["--collect", "1"], "--collect comes after the --file or --text it belongs to"),
        (["--text", "x", "--ring-timeout", "0"], "ring timeout 0 s is not 1 to 600"),
    ],
)
def test_bad_notification_is_one_line_and_status_2(
    arguments: list[str], reason: str, asked: Recorder
) -> None:
    assert run("notify", "8001", *arguments) == (2, f"ivrcore: {reason}\n")
    assert asked.notified == []


# ---- verify


def test_verification_is_what_the_line_says(asked: Recorder) -> None:
    line = "verify 8001 480213 --times 2 --language en --pre-tone menu.wav --display 8100"
    assert run(*line.split()) == (0, "")
    ((request, files),) = asked.verified
    assert request == VerificationRequest(
        "8001", "8100", "480213", Language.ENGLISH, has_pre_tone=True, has_pos_tone=False, times=2
    )
    assert request.code == "480213"
    assert files == ToneFiles(MENU, None)


def test_code_may_come_from_the_environment(asked: Recorder) -> None:
    assert run("verify", "8001", env={"IVRCORE_VERIFY_CODE": "4802"}) == (0, "")
    assert asked.verified[0][0].code == "4802"
    assert asked.verified[0][0].language is Language.CHINESE


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["123456789"], "verifyCode is not 1 to 8 digits"),
        (["12x"], "verifyCode is not 1 to 8 digits"),
        (["12", "--times", "10"], "times 10 is not 0 to 9"),
    ],
)
def test_bad_verification_is_one_line_and_status_2(
    arguments: list[str], reason: str, asked: Recorder
) -> None:
    assert run("verify", "8001", *arguments) == (2, f"ivrcore: {reason}\n")
    assert asked.verified == []


def test_unknown_language_is_refused(asked: Recorder) -> None:
    status, _ = run("verify", "8001", "12", "--language", "fr")
    assert status == 2
    assert asked.verified == []
