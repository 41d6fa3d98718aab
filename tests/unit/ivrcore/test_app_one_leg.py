"""The application's calls of one party, on a scripted endpoint: what is prepared, and what is left."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from ivrcore import app, spoken_code
from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord
from ivrcore.contents import Text
from ivrcore.program import AppReactor
from ivrcore.request import NotificationElement, NotificationRequest, RequestError, VerificationRequest
from ivrcore.sounds import ToneFiles
from media.errors import MediaFileError
from media.speech.testing import HumEngine
from media.wav import write_alaw
from sip.errors import SipConfigError
from sip.manual_reactor import ManualReactor
from sip.testing import ScriptedEndpoint, ScriptedLeg
from sip.trunk import Trunk

SPOKEN = NotificationElement()
VERIFICATION = VerificationRequest("8001", "8100", "4802", times=1)


class Endpoint(ScriptedEndpoint):
    """As sip.pjsua's, for its maker."""

    def host_towards(self, trunk: Trunk, uri: str) -> str:  # noqa: ARG002
        return "127.0.0.1"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where spoken codes are."""
    directory = tmp_path / "memory"
    directory.mkdir()
    monkeypatch.setattr(spoken_code, "_IN_MEMORY", directory)
    return directory


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    endpoint = Endpoint(ManualReactor())
    monkeypatch.setattr(app, "PjsuaEndpoint", lambda _settings, _reactor: endpoint)
    monkeypatch.setattr(app, "speech_engine", lambda _settings: HumEngine())
    return endpoint


@pytest.fixture
def application(endpoint: Endpoint, tmp_path: Path) -> Application:
    settings = Settings(data_dir=tmp_path / "data", trunk=Trunk(host="127.0.0.1"))
    return Application(settings, cast(AppReactor, endpoint.reactor))


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.wav"
    write_alaw(path, np.full(8000, 1000, dtype=np.int16))
    return path


def leg_of(endpoint: Endpoint) -> ScriptedLeg:
    (leg,) = endpoint.legs.values()
    return leg


def codes(memory: Path) -> list[Path]:
    return list(memory.glob("*/*"))


def test_notification_plays_files_and_texts(
    application: Application, endpoint: Endpoint, prompt: Path
) -> None:
    records: list[CallRecord] = []
    request = NotificationRequest("8001", "8100", (SPOKEN, SPOKEN))
    application.notify(request, [prompt, Text("再见")]).addCallback(records.append)
    leg = leg_of(endpoint)
    leg.emit_answered()
    for sound in ("element 1", "element 2"):
        leg.emit_playback_ended(sound)
    endpoint.reactor.advance(0.2)
    assert [record.carried_out for record in records] == [True]


def test_every_element_needs_a_content(application: Application, endpoint: Endpoint, prompt: Path) -> None:
    with pytest.raises(RequestError, match="2 elements have 1 contents"):
        application.notify(NotificationRequest("8001", "8100", (SPOKEN, SPOKEN)), [prompt])
    assert endpoint.legs == {}


def test_content_that_cannot_be_played_calls_nobody(application: Application, endpoint: Endpoint) -> None:
    with pytest.raises(MediaFileError, match="element 1"):
        application.notify(NotificationRequest("8001", "8100", (SPOKEN,)), [Path("absent.wav")])
    assert endpoint.legs == {}


@pytest.mark.parametrize("ends", ["platform", "callee", "callStop", "refused"])
def test_code_is_gone_when_its_call_is_over(
    application: Application, endpoint: Endpoint, memory: Path, ends: str
) -> None:
    records: list[CallRecord] = []
    application.verify(VERIFICATION).addCallback(records.append)
    leg = leg_of(endpoint)
    if ends != "refused":
        leg.emit_answered()
    assert [path.name for path in codes(memory)] == ["code.wav"]
    end: dict[str, Callable[[], None]] = {
        "platform": lambda: leg.emit_playback_ended("code"),
        "callee": leg.emit_hung_up,
        "callStop": application.stop_calls,
        "refused": leg.emit_hung_up,
    }
    end[ends]()
    endpoint.reactor.advance(0.2)
    assert len(records) == 1
    assert list(memory.iterdir()) == []


def test_two_calls_have_a_code_each(application: Application, endpoint: Endpoint, memory: Path) -> None:
    application.verify(VERIFICATION)
    application.verify(VERIFICATION)
    assert len(codes(memory)) == 2
    next(iter(endpoint.legs.values())).emit_hung_up()
    assert len(codes(memory)) == 1
    application.stop_calls()
    endpoint.reactor.advance(0.2)
    assert codes(memory) == []


@pytest.mark.parametrize("callee", ["", "not a number"])
def test_malformed_number_makes_no_code(
    application: Application, endpoint: Endpoint, memory: Path, callee: str
) -> None:
    with pytest.raises(SipConfigError):
        application.verify(VerificationRequest(callee, "8100", "4802"))
    assert endpoint.legs == {}
    assert list(memory.iterdir()) == []


def test_call_that_cannot_begin_leaves_neither_a_code_nor_a_call(
    application: Application, endpoint: Endpoint, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SipConfigError("the trunk has no codec of the endpoint")

    monkeypatch.setattr(ScriptedLeg, "dial", lambda *_, **__: fail())
    with pytest.raises(SipConfigError):
        application.verify(VERIFICATION)
    assert list(memory.iterdir()) == []
    monkeypatch.undo()
    for leg in endpoint.legs.values():
        leg.over = True  # it was never dialled
    closed: list[None] = []
    application.close().addCallback(closed.append)
    endpoint.reactor.advance(1.0)
    assert closed == [None]


def test_tones_come_before_and_after(
    application: Application, endpoint: Endpoint, memory: Path, prompt: Path
) -> None:
    request = VerificationRequest("8001", "8100", "4802", has_pre_tone=True, has_pos_tone=True, times=1)
    application.verify(request, ToneFiles(prompt, prompt))
    leg = leg_of(endpoint)
    leg.emit_answered()
    heard = []
    for sound in ("preTone", "code", "posTone"):
        heard += [str(playback) for playback in leg.playing]
        leg.emit_playback_ended(sound)
    assert heard == ["preTone", "code", "posTone"]
    endpoint.reactor.advance(0.2)
