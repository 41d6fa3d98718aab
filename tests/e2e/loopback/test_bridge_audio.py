"""A bridge by what each party hears of the other: from when, until when, and how loud."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.fingerprint import KnownSignal, identify
from media.level import level_dbm0
from media.testsignal import LEVEL_DBM0
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm
from tests.e2e.loopback.parties import Core, Phone

pytestmark = pytest.mark.e2e

SPAN_S = 0.8
"""How long each state of a bridge is held, to be measured in its middle."""


class Call:
    """Two softphones on one core, each with its own talk and its own ear."""

    def __init__(self, core: Core, new_phone: Callable[..., Phone], talks: dict[str, Path], tmp_path: Path):
        self.core = core
        self._talks = talks
        self._ears = {name: tmp_path / f"{name}.wav" for name in "ab"}
        self.phones = {
            name: new_phone(answer_after_s=0.0, talk=str(talks[name]), hear=str(self._ears[name]))
            for name in "ab"
        }
        for leg, phone in self.phones.items():
            core.dial(leg, phone.uri)
        for leg in self.phones:
            core.wait("LegAnswered", leg=leg)
        self._began_s = {name: phone.wait("capture")["at_s"] for name, phone in self.phones.items()}
        self._recordings: dict[str, Pcm16] = {}
        self._n_orders = 0

    def bridge(self, verb: str, **arguments: object) -> float:
        """Give the bridge an order, hold it for a span, and say when it was in force for certain."""
        self.core.order(verb, a="a", b="b", **arguments)
        self._n_orders += 1
        self.core.order("level", leg="a")
        self.core.wait_for("level", self._n_orders)  # its order came after, so the bridge's was carried out
        at_s = time.monotonic()
        time.sleep(SPAN_S)  # the span itself, measured afterwards in the recordings
        return at_s

    def end(self) -> None:
        """Hang up and read what was heard."""
        for leg in self.phones:
            self.core.hang_up(leg)
            self.core.wait("LegHungUp", leg=leg)
        for name, phone in self.phones.items():
            phone.wait("captured")
            self._recordings[name] = read_pcm(self._ears[name])

    def heard_dbm0(self, listener: str, at_s: float) -> float:
        """Level in the middle of the span that began at `at_s`."""
        return level_dbm0(self._span(listener, at_s))

    def talker_heard_by(self, listener: str, at_s: float) -> set[str]:
        """Whose talk it was."""
        known = [KnownSignal(name, read_pcm(self._talks[name]), loop=True) for name in "ab"]
        return {one.name for one in identify(self._span(listener, at_s), known)}

    def _span(self, listener: str, at_s: float) -> Pcm16:
        # 250 ms for the two jitter buffers on the way and for what was under way before.
        first = at_s + 0.25 - self._began_s[listener]
        samples = self._recordings[listener][
            int(first * SAMPLE_RATE_HZ) : int((first + SPAN_S - 0.3) * SAMPLE_RATE_HZ)
        ]
        assert samples.size == pytest.approx((SPAN_S - 0.3) * SAMPLE_RATE_HZ, abs=2)
        return samples


@pytest.fixture
def call(core: Core, new_phone: Callable[..., Phone], talks: dict[str, Path], tmp_path: Path) -> Call:
    """Two answered legs that do not hear each other yet."""
    return Call(core, new_phone, talks, tmp_path)


def is_silent(level: float) -> bool:
    return level < -60.0


def test_each_hears_the_other_only_while_the_bridge_is_open(call: Call) -> None:
    before = time.monotonic()
    time.sleep(SPAN_S)
    opened = call.bridge("open")
    closed = call.bridge("close")
    again = call.bridge("open")
    call.end()
    for listener, other in (("a", "b"), ("b", "a")):
        assert is_silent(call.heard_dbm0(listener, before))
        assert is_silent(call.heard_dbm0(listener, closed))
        for at_s in (opened, again):
            assert call.heard_dbm0(listener, at_s) == pytest.approx(LEVEL_DBM0, abs=0.5)
            assert call.talker_heard_by(listener, at_s) == {other}


def test_one_way_bridge_lets_only_one_hear_until_it_is_opened(call: Call) -> None:
    one_way = call.bridge("open_one_way", talker="b")
    opened = call.bridge("open")
    call.end()
    assert call.talker_heard_by("a", one_way) == {"b"}
    assert is_silent(call.heard_dbm0("b", one_way))
    assert call.talker_heard_by("a", opened) == {"b"}
    assert call.talker_heard_by("b", opened) == {"a"}


def test_lowered_party_is_15_db_softer_for_one_listener_until_restored(call: Call) -> None:
    opened = call.bridge("open")
    lowered = call.bridge("lower", listener="a", level_db=-15.0)
    restored = call.bridge("restore", listener="a")
    call.end()
    full = call.heard_dbm0("a", opened)
    assert call.heard_dbm0("a", lowered) - full == pytest.approx(-15.0, abs=1.0)
    assert call.heard_dbm0("a", restored) - full == pytest.approx(0.0, abs=1.0)
    for at_s in (opened, lowered, restored):
        assert call.heard_dbm0("b", at_s) == pytest.approx(LEVEL_DBM0, abs=0.5)


def test_bridge_ordered_before_the_answer_opens_with_it(
    core: Core, new_phone: Callable[..., Phone], talks: dict[str, Path], tmp_path: Path
) -> None:
    ear = tmp_path / "a.wav"
    first = new_phone(answer_after_s=0.0, hear=str(ear))
    second = new_phone(answer_after_s=0.3, talk=str(talks["b"]))
    core.dial("a", first.uri)
    core.wait("LegAnswered", leg="a")
    core.dial("b", second.uri)
    core.order("open", a="a", b="b")
    answered = core.wait("LegAnswered", leg="b")
    began_s = first.wait("capture")["at_s"]
    time.sleep(SPAN_S)
    core.hang_up("b")
    core.wait("LegHungUp", leg="b")
    core.hang_up("a")
    core.wait("LegHungUp", leg="a")
    first.wait("captured")
    heard = read_pcm(ear)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > 300)
    # A packet may be under way, two jitter buffers of 40 ms and their ticks lie between the two.
    assert began_s + loud[0] / SAMPLE_RATE_HZ - answered["at_s"] < 0.25


def test_bridge_of_a_leg_that_ended_does_no_harm(call: Call) -> None:
    call.bridge("open")
    call.core.hang_up("b")
    call.core.wait("LegHungUp", leg="b")
    for verb in ("open", "close"):
        call.bridge(verb)
    call.bridge("lower", listener="a", level_db=-15.0)
    assert call.core.all("error") == []


def test_bridge_with_itself_is_refused(call: Call) -> None:
    call.core.order("open", a="a", b="a")
    error = call.core.wait("error")
    assert (error["type"], error["text"]) == ("LegStateError", "leg a cannot be bridged with itself")
