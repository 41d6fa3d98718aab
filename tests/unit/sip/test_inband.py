"""Frames of several legs in, keys out: gathered by the tick, heard by the reactor, told with their times."""

import logging
from dataclasses import dataclass, field

import numpy as np
import pytest

from media.dtmf import KEYS
from media.dtmf.testing import Key, Signal, dialled, key_signal, noise, sine, talker, through_line
from media.types import Pcm16
from sip.inband import FRAME_SAMPLES, Channel, InBandListener, may_hold_a_key
from sip.manual_reactor import ManualReactor

TICK_S = 0.02
JITTER_BUFFER_MS = 40


@dataclass
class Heard:
    """What one leg was told."""

    keys: list[str] = field(default_factory=list)
    began_s: list[tuple[float, float]] = field(default_factory=list)
    ended: list[tuple[int, float, float]] = field(default_factory=list)

    def on_tone_began(self, digit: str, began_s: float, at_s: float) -> None:
        self.keys.append(digit)
        self.began_s.append((began_s, at_s))

    def on_tone_ended(self, duration_ms: int, ended_s: float, at_s: float) -> None:
        self.ended.append((duration_ms, ended_s, at_s))


class Deaf(Heard):
    def on_tone_began(self, digit: str, began_s: float, at_s: float) -> None:  # noqa: ARG002
        raise RuntimeError("not today")


class Room:
    """A listener whose audio clock and reactor stand still until the test moves them."""

    def __init__(self) -> None:
        self.reactor = ManualReactor()
        self.now_s = 1000.0
        self.listener = InBandListener(
            self.reactor, jitter_buffer_ms=JITTER_BUFFER_MS, clock=lambda: self.now_s
        )

    def tick(self, frames: list[tuple[Channel, bytes]]) -> None:
        """One tick of the conference: each port in turn, then time passes."""
        for channel, pcm in frames:
            channel.hear(pcm)
        self.now_s += TICK_S
        self.reactor.advance(TICK_S)

    def play(self, *parts: tuple[Channel, Pcm16]) -> None:
        for start in range(0, max(signal.size for _, signal in parts), FRAME_SAMPLES):
            self.tick(
                [
                    (channel, signal[start : start + FRAME_SAMPLES].tobytes())
                    for channel, signal in parts
                    if start < signal.size
                ]
            )


@pytest.fixture
def room() -> Room:
    return Room()


def dialling(digits: str, *, lead_ms: float = 107.0) -> Pcm16:
    """Keys of 50 ms with pauses of 50 ms, whole frames."""
    signal, _ = dialled([Key(digit) for digit in digits], np.random.default_rng(1), 50.0, lead_ms)
    whole = -(-signal.size // FRAME_SAMPLES) * FRAME_SAMPLES
    return through_line(np.concatenate([signal, np.zeros(whole - signal.size)]))


def test_keys_of_one_leg_are_told_in_order(room: Room) -> None:
    heard = Heard()
    room.play((room.listener.join(heard), dialling("1590*#AD")))
    assert heard.keys == list("1590*#AD")
    assert len(heard.ended) == 8


@pytest.mark.parametrize("n_legs", [2, 8, 19])
def test_each_of_many_legs_is_told_its_own_keys(room: Room, n_legs: int) -> None:
    digits = ["".join("0123456789"[(leg + index) % 10] for index in range(5)) for leg in range(n_legs)]
    legs = [Heard() for _ in digits]
    channels = [room.listener.join(heard) for heard in legs]
    room.play(*((channel, dialling(keys)) for channel, keys in zip(channels, digits, strict=True)))
    assert ["".join(heard.keys) for heard in legs] == digits


def test_beginning_and_end_are_told_by_when_the_wire_had_them(room: Room) -> None:
    heard, started_s = Heard(), room.now_s
    room.play((room.listener.join(heard), dialling("5", lead_ms=107.0)))
    # A frame handed over at t holds audio up to t, which came in a jitter buffer earlier; the first one
    # is handed over when the stream starts, so its samples were spoken in the tick before.
    spoken_s = started_s - TICK_S - JITTER_BUFFER_MS / 1000
    began_s, at_s = heard.began_s[0]
    duration_ms, ended_s, ended_at_s = heard.ended[0]
    assert began_s == pytest.approx(spoken_s + 0.107, abs=0.002)
    assert ended_s == pytest.approx(spoken_s + 0.157, abs=0.002)
    assert duration_ms == pytest.approx(50, abs=2)
    assert 0.031 <= at_s - JITTER_BUFFER_MS / 1000 - began_s <= 0.052
    assert at_s < ended_at_s


def test_leg_that_joins_later_counts_from_then(room: Room) -> None:
    first, second = Heard(), Heard()
    early = room.listener.join(first)
    room.play((early, dialling("123")))
    late = room.listener.join(second)
    joined_s = room.now_s - TICK_S - JITTER_BUFFER_MS / 1000
    room.play((early, dialling("4")), (late, dialling("6", lead_ms=50.0)))
    assert "".join(first.keys) == "1234"
    assert second.keys == ["6"]
    assert second.began_s[0][0] == pytest.approx(joined_s + 0.05, abs=0.002)


def test_leg_that_left_is_told_nothing_more_not_even_of_frames_on_their_way(room: Room) -> None:
    heard = Heard()
    channel = room.listener.join(heard)
    signal = dialling("55")
    for start in range(0, signal.size, FRAME_SAMPLES):
        channel.hear(signal[start : start + FRAME_SAMPLES].tobytes())
        room.now_s += TICK_S
    channel.leave()
    room.reactor.advance(1.0)
    assert heard.keys == []


def test_place_of_a_leg_that_left_in_a_tone_is_taken_without_it(room: Room) -> None:
    first, second = Heard(), Heard()
    channel = room.listener.join(first)
    room.play((channel, dialling("5", lead_ms=0.0)[: 2 * FRAME_SAMPLES]))
    assert first.keys == ["5"]
    channel.leave()
    room.play((room.listener.join(second), dialling("7")))
    assert second.keys == ["7"]
    assert first.ended == []


def test_leg_whose_frames_have_not_begun_does_not_hold_back_the_others(room: Room) -> None:
    first, second = Heard(), Heard()
    early, late = room.listener.join(first), room.listener.join(second)
    signal = dialling("123")
    half = signal.size // 2 // FRAME_SAMPLES * FRAME_SAMPLES
    room.play((early, signal[:half]))
    for start in range(half, signal.size, FRAME_SAMPLES):
        pcm = signal[start : start + FRAME_SAMPLES].tobytes()
        room.tick([(late, pcm), (early, pcm)])  # and it comes first in the tick
    room.play((early, dialling("4")), (late, dialling("4")))
    assert "".join(first.keys) == "1234"
    assert second.keys[-1] == "4"
    assert room.reactor.pending() == 0


def test_ticks_that_follow_one_another_at_once_are_all_heard(room: Room) -> None:
    heard = [Heard(), Heard()]
    channels = [room.listener.join(one) for one in heard]
    signal = dialling("159")
    for start in range(0, signal.size, FRAME_SAMPLES):
        for channel in channels:
            channel.hear(signal[start : start + FRAME_SAMPLES].tobytes())  # the clock catches up
    room.reactor.advance(1.0)
    assert [one.keys for one in heard] == [list("159"), list("159")]


def test_frame_without_audio_counts_as_silence(room: Room) -> None:
    heard = Heard()
    channel = room.listener.join(heard)
    signal = dialling("5", lead_ms=0.0)[: 3 * FRAME_SAMPLES]
    room.play((channel, signal))
    for _ in range(5):
        room.tick([(channel, b"")])
    room.play((channel, signal))
    for _ in range(5):
        room.tick([(channel, b"")])
    assert heard.keys == ["5", "5"]


def ticks_until_handed_over(room: Room, *frames: bytes) -> int:
    """How many ticks like this one pass before the reactor is told."""
    channels = [room.listener.join(Heard()) for _ in frames]
    for n_ticks in range(1, 100):
        for channel, pcm in zip(channels, frames, strict=True):
            channel.hear(pcm)
        if room.reactor.pending():
            return n_ticks
        room.now_s += TICK_S
    return 100


SILENT_FRAME = bytes(2 * FRAME_SAMPLES)
TONE_FRAME = dialling("5", lead_ms=0.0)[:FRAME_SAMPLES].tobytes()


def test_tick_with_a_tone_is_handed_over_at_once_for_all_legs_together(room: Room) -> None:
    assert ticks_until_handed_over(room, SILENT_FRAME, SILENT_FRAME, TONE_FRAME, SILENT_FRAME) == 1
    assert room.reactor.pending() == 1


def test_silence_wakes_the_reactor_five_times_a_second(room: Room) -> None:
    assert ticks_until_handed_over(room, SILENT_FRAME, SILENT_FRAME) == 10


def test_three_ticks_behind_a_tone_are_handed_over_at_once(room: Room) -> None:
    channel = room.listener.join(Heard())
    at_once = []
    for pcm in (TONE_FRAME, *[SILENT_FRAME] * 5):
        channel.hear(pcm)
        at_once.append(room.reactor.pending() > 0)
        room.now_s += TICK_S
        room.reactor.advance(TICK_S)
    assert at_once == [True] * 4 + [False] * 2


def test_end_of_a_tone_is_not_kept_waiting(room: Room) -> None:
    heard = Heard()
    channel = room.listener.join(heard)
    room.play((channel, dialling("5", lead_ms=0.0)[: 20 * FRAME_SAMPLES]))
    duration_ms, ended_s, at_s = heard.ended[0]
    assert duration_ms == pytest.approx(50, abs=2)
    assert at_s - JITTER_BUFFER_MS / 1000 - ended_s <= 0.06


# -- the glance ---------------------------------------------------------------------------------------------


def glance_share(signals: list[Signal]) -> float:
    """How many of the whole ticks of these signals pass."""
    passed = []
    for signal in signals:
        pcm = through_line(signal).tobytes()
        size = 2 * FRAME_SAMPLES
        passed += [may_hold_a_key([pcm[at : at + size]]) for at in range(0, len(pcm) - size + 1, size)]
    return float(np.mean(passed))


def whole_keys(**how: float) -> list[Signal]:
    """Every key several times, 60 ms of nothing but its tones."""
    rng = np.random.default_rng(7)
    return [key_signal(Key(digit, on_ms=60.0, **how), rng) for digit in KEYS for _ in range(5)]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"low_offset": 0.018, "high_offset": -0.018},
        {"low_offset": -0.015, "high_offset": -0.015, "extra_hz": -2.0},
        {"twist_db": -8.0},
        {"twist_db": 6.0},
        {"low_dbm0": -42.0},
        {"low_dbm0": 0.0},
    ],
    ids=str,
)
def test_glance_passes_every_key_a_standard_wants_taken(how: dict[str, float]) -> None:
    assert glance_share(whole_keys(**how)) == 1.0


def test_glance_passes_keys_over_noise_hum_and_dial_tone() -> None:
    rng = np.random.default_rng(8)
    noisy = [key + noise(key.size, -17.0, rng) for key in whole_keys()]
    humming = [key + sine(50.0, key.size, -10.0) for key in whole_keys()]
    dialling_on = [key + sine(350.0, key.size, -15.0) + sine(440.0, key.size, -15.0) for key in whole_keys()]
    assert [glance_share(keys) for keys in (noisy, humming, dialling_on)] == [1.0, 1.0, 1.0]


def test_glance_passes_little_else() -> None:
    rng = np.random.default_rng(9)
    assert glance_share([np.zeros(8000)]) == 0.0
    assert glance_share([noise(80_000, -20.0, rng)]) < 0.01
    assert glance_share([sine(frequency_hz, 8000, -10.0) for frequency_hz in (425.0, 1004.0)]) == 0.0
    assert glance_share([talker(20.0, rng)]) < 0.15


@pytest.mark.parametrize("pcm", [b"", b"\x00", bytes(2 * FRAME_SAMPLES - 2), TONE_FRAME * 2])
def test_glance_passes_no_frame_of_another_size(pcm: bytes) -> None:
    assert not may_hold_a_key([pcm])


def test_glance_finds_a_key_among_other_legs() -> None:
    assert may_hold_a_key([SILENT_FRAME, TONE_FRAME, b""])
    assert not may_hold_a_key([SILENT_FRAME, b""])


def test_key_that_the_glance_misses_is_told_within_200_ms_all_the_same(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sip.inband.may_hold_a_key", lambda _frames: False)
    heard = Heard()
    channel = room.listener.join(heard)
    room.play((channel, dialling("159")), (room.listener.join(Heard()), np.zeros(8000, dtype=np.int16)))
    assert heard.keys == list("159")
    assert all(at_s - began_s <= 0.052 + 0.2 + JITTER_BUFFER_MS / 1000 for began_s, at_s in heard.began_s)


# -- failures -----------------------------------------------------------------------------------------------


def test_report_that_fails_is_logged_and_the_other_legs_are_still_told(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    deaf, other = room.listener.join(Deaf()), room.listener.join(heard)
    with caplog.at_level(logging.ERROR, logger="ivrcore.sip"):
        room.play((deaf, dialling("5")), (other, dialling("7")))
    assert heard.keys == ["7"]
    assert "a report of a key failed" in caplog.text


def test_nothing_waits_when_nobody_listens(room: Room) -> None:
    assert room.reactor.pending() == 0
