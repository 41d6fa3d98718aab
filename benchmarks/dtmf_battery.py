"""The battery: families of generated signals that a DTMF detector is to read, or to stay silent on.

Every point is one recording with a known truth; where a standard gives a rule, the point carries it.
Left out: running detectors on it (bench_dtmf.py) and real speech (dtmf_speech.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from media.dtmf import KEYS
from media.dtmf.testing import (
    Key,
    Law,
    Signal,
    amplitude_of,
    frames_lost,
    glide,
    interrupted,
    key_signal,
    noise,
    notes,
    samples_of,
    silence,
    sine,
    talker,
    through_line,
    with_echo,
)
from media.types import SAMPLE_RATE_HZ, Pcm16

Rule: TypeAlias = Literal["take", "refuse", "quiet", "sweep"]


@dataclass(frozen=True)
class Press:
    """A key in a recording, in samples."""

    digit: str
    start: int
    end: int


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes:
        family: what is swept.
        label: where on the sweep.
        audio: what the detector hears.
        presses: the truth.
        rule: take: a standard wants >= 99 % read; refuse: <= 1 %; quiet: no digit at all; sweep: no rule.
        lost: for each 20 ms frame whether it is a substitute, where that is known; else empty.
    """

    family: str
    label: str
    audio: Pcm16
    presses: tuple[Press, ...]
    rule: Rule
    lost: tuple[bool, ...] = ()


Draw: TypeAlias = Callable[[np.random.Generator, str], Key]
Alter: TypeAlias = Callable[[Signal, np.random.Generator], Signal]


def train(
    rng: np.random.Generator,
    draw: Draw,
    pause_ms: float = 50.0,
    n_keys: int = 96,
    same_pairs: bool | None = None,
    each: Alter | None = None,
) -> tuple[Signal, tuple[Press, ...]]:
    """A train of keys.

    Args:
        rng: source of order, phases and alignment.
        draw: makes the key of a digit.
        pause_ms: between keys; under 5 ms jitter of its own so that all alignments with the ticks occur.
        n_keys: how many.
        same_pairs: True: each digit twice running; False: never; None: as it comes, each digit as often.
        each: done to each key's signal (its length stays or the press's end moves with it).
    """
    digits = [KEYS[index % 16] for index in range(n_keys)]
    rng.shuffle(digits)
    if same_pairs:
        digits = [digit for digit in digits[: n_keys // 2] for _ in range(2)]
    elif same_pairs is False:
        for index in range(1, len(digits)):
            while digits[index] == digits[index - 1]:
                digits[index] = KEYS[int(rng.integers(16))]
    parts: list[Signal] = [silence(200 + rng.uniform(0, 20))]
    presses = []
    position = parts[0].size
    for index, digit in enumerate(digits):
        signal = key_signal(draw(rng, digit), rng)
        if each is not None:
            signal = each(signal, rng)
        presses.append(Press(digit, position, position + signal.size))
        # Only the pause that is not under test wanders; a swept pause (pairs) is exact.
        exact = same_pairs is False or (same_pairs and index % 2 == 0)
        gap = silence(pause_ms) if exact else silence(max(pause_ms, 50.0) + rng.uniform(0, 20))
        parts += [signal, gap]
        position += signal.size + gap.size
    parts.append(silence(200))
    return np.concatenate(parts), tuple(presses)


def plain(**changes: float) -> Draw:
    """Keys that differ from the default only in these fields."""

    def draw(rng: np.random.Generator, digit: str) -> Key:
        return replace(Key(digit), **changes)  # type: ignore[arg-type]  # every field but digit is a float

    return draw


def corner(rng: np.random.Generator, digit: str) -> Key:
    """Anywhere within AT&T's column of Q.24, all limits at once."""
    twist_db = rng.uniform(-8, 4)
    low_dbm0 = rng.uniform(-25, -5) - min(twist_db, 0)
    return Key(
        digit,
        on_ms=40,
        low_dbm0=min(low_dbm0, -3.0),
        twist_db=twist_db,
        low_offset=rng.uniform(-0.015, 0.015),
        high_offset=rng.uniform(-0.015, 0.015),
    )


def _point(
    family: str,
    label: str,
    made: tuple[Signal, tuple[Press, ...]],
    rule: Rule,
    law: Law = "alaw",
    over: Alter | None = None,
    rng: np.random.Generator | None = None,
) -> Point:
    signal, presses = made
    if over is not None and rng is not None:
        signal = over(signal, rng)
    return Point(family, label, through_line(signal, law), presses, rule)


def frequency(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: ±1.5 % must be read, ±3.5 % refused; ETSI adds 2 Hz."""
    for percent in (-5, -4, -3.5, -3, -2.75, -2.5, -2.25, -2, -1.8, -1.5, -1, 0, 1, 1.5, 1.8, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 5):
        rule: Rule = "take" if abs(percent) <= 1.5 else "refuse" if abs(percent) >= 3.5 else "sweep"
        part = percent / 100
        for name, changes in (
            ("low", {"low_offset": part}),
            ("high", {"high_offset": part}),
            ("both", {"low_offset": part, "high_offset": part}),
        ):
            yield _point(f"frequency {name} off", f"{percent:+g} %", train(rng, plain(**changes)), rule)
    for sign in (-1, 1):
        for extra_hz in (2, 4):
            draw = plain(low_offset=sign * 0.015, high_offset=sign * 0.015, extra_hz=sign * extra_hz)
            rule = "take" if extra_hz == 2 else "sweep"
            yield _point("frequency both off", f"{sign * 1.5:+g} % {sign * extra_hz:+d} Hz", train(rng, draw), rule)


def twist(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: high tone 4 dB stronger to 8 dB weaker."""
    for twist_db in (-14, -12, -10, -9, -8, -7, -6, -4, -2, 0, 2, 3, 4, 5, 6, 7, 8, 10, 12):
        rule: Rule = "take" if -8 <= twist_db <= 4 else "sweep"
        for law in ("alaw", "ulaw"):
            draw = plain(twist_db=twist_db, low_dbm0=-10 - max(0, twist_db))
            yield _point(f"twist {law}", f"{twist_db:+d} dB", train(rng, draw), rule, law)  # type: ignore[arg-type]


def level(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: 0..-25 dBm a tone; RFC 4733: down to -36; refused at -55."""
    for level_dbm0 in (3, 1, 0, -3, -10, -20, -25, -30, -36, -40, -41, -42, -43, -44, -46, -48, -50, -52, -55, -58, -60):
        rule: Rule = "take" if -36 <= level_dbm0 <= 0 else "refuse" if level_dbm0 <= -55 else "sweep"
        for law in ("alaw", "ulaw"):
            made = train(rng, plain(low_dbm0=level_dbm0))
            yield _point(f"level {law}", f"{level_dbm0:+d} dBm0", made, rule, law)  # type: ignore[arg-type]


def length(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: 40 ms must be read, 23 ms refused."""
    for on_ms in (10, 15, 18, 20, 22, 23, 24, 26, 28, 29, 30, 31, 32, 33, 34, 36, 38, 40, 45, 50, 60, 80, 100, 200, 1000):
        rule: Rule = "take" if on_ms >= 40 else "refuse" if on_ms <= 23 else "sweep"
        made = train(rng, plain(on_ms=on_ms), n_keys=192 if on_ms < 100 else 48)
        yield _point("length", f"{on_ms} ms", made, rule)


def pause(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: 40 ms (NTT, Brazil 30 ms) part two keys; velocity 93 ms a digit."""
    for pause_ms in (0, 2, 5, 8, 10, 15, 20, 22, 24, 25, 26, 27, 28, 30, 32, 35, 40, 50, 60):
        for on_ms in (40, 50):
            rule: Rule = "take" if pause_ms >= 40 else "sweep"
            other = train(rng, plain(on_ms=on_ms), pause_ms, same_pairs=False)
            yield _point(f"pause, other key, {on_ms} ms", f"{pause_ms} ms", other, rule)
            if pause_ms >= 10:
                same = train(rng, plain(on_ms=on_ms), pause_ms, same_pairs=True)
                yield _point(f"pause, same key, {on_ms} ms", f"{pause_ms} ms", same, rule)
    for period_ms in (60, 65, 70, 75, 80, 85, 93, 100):
        made = train(rng, plain(on_ms=40), period_ms - 40, same_pairs=False)
        yield _point("velocity, 40 ms on", f"{period_ms} ms a digit", made, "take" if period_ms >= 93 else "sweep")


def interruption(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: a break of 10 ms does not end a digit."""
    for gap_ms in (1, 2, 4, 6, 8, 10, 12, 15, 18, 20, 22):
        for on_ms in (80, 120):

            def each(
                signal: Signal, rng: np.random.Generator, gap_ms: float = gap_ms, on_ms: float = on_ms
            ) -> Signal:
                return interrupted(signal, rng.uniform(32, on_ms - gap_ms - 10), gap_ms)

            made = train(rng, plain(on_ms=on_ms), 60, each=each)
            yield _point(f"interruption in {on_ms} ms", f"{gap_ms} ms", made, "take" if gap_ms <= 10 else "sweep")


def signal_to_noise(rng: np.random.Generator) -> Iterator[Point]:
    """White noise over 0..4 kHz against both tones together; AT&T wants 15 dB."""
    for on_ms in (40, 50, 100):
        for ratio_db in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 30):

            def over(signal: Signal, rng: np.random.Generator, ratio_db: float = ratio_db) -> Signal:
                return signal + noise(signal.size, -10 + 3.01 - ratio_db, rng)

            made = train(rng, plain(on_ms=on_ms), 60, n_keys=192)
            rule: Rule = "take" if ratio_db >= 15 else "sweep"
            yield _point(f"noise, {on_ms} ms", f"S/N {ratio_db} dB", made, rule, over=over, rng=rng)


def corners(rng: np.random.Generator) -> Iterator[Point]:
    """All limits of Q.24 at once, with noise relative to each key."""
    for ratio_db in (12, 15, 20, 25, 40):
        for law in ("alaw", "ulaw"):

            def each(signal: Signal, rng: np.random.Generator, ratio_db: float = ratio_db) -> Signal:
                rms = float(np.sqrt(np.mean(signal**2)))
                return signal + rng.normal(0, rms * 10 ** (-ratio_db / 20), signal.size)

            made = train(rng, corner, 50, n_keys=384, each=each)
            rule: Rule = "take" if ratio_db >= 15 else "sweep"
            yield _point(f"corners {law}", f"S/N {ratio_db} dB", made, rule, law)  # type: ignore[arg-type]


def dial_tone(rng: np.random.Generator) -> Iterator[Point]:
    """Digits over a dial tone, level of a DTMF tone over a dial tone's component."""
    for frequencies_hz in ((350, 440), (425,), (350, 450), (400,), (440,)):
        for ratio_db in (20, 15, 12, 10, 8, 6, 3, 0, -3, -6, -9, -12, -15, -18, -21):

            def over(
                signal: Signal,
                rng: np.random.Generator,
                ratio_db: float = ratio_db,
                frequencies_hz: tuple[int, ...] = frequencies_hz,
            ) -> Signal:
                tones = [sine(one, signal.size, -20 - ratio_db, rng.uniform(0, 6)) for one in frequencies_hz]
                return signal + np.sum(tones, axis=0)

            made = train(rng, plain(low_dbm0=-20, on_ms=60), 60)
            name = "+".join(map(str, frequencies_hz))
            yield _point(f"dial tone {name}", f"{ratio_db:+d} dB", made, "sweep", over=over, rng=rng)


def echo(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: an echo up to 20 ms late and 10 dB down."""
    for loss_db in (10, 8, 6):
        for delay_ms in (2, 5, 8, 10, 12, 15, 18, 20):

            def over(
                signal: Signal, rng: np.random.Generator, delay_ms: float = delay_ms, loss_db: float = loss_db
            ) -> Signal:
                return with_echo(signal, delay_ms, loss_db)

            made = train(rng, plain(on_ms=50), 60)
            rule: Rule = "take" if loss_db == 10 else "sweep"
            yield _point(f"echo -{loss_db} dB", f"{delay_ms} ms late", made, rule, over=over, rng=rng)


def lost_frames(rng: np.random.Generator) -> Iterator[Point]:
    """One 20 ms frame inside each digit silent or repeated; the loss known or not."""
    for how in ("zeroed", "repeated"):
        for on_ms in (60, 80, 100, 200):
            signal, presses = train(rng, plain(on_ms=on_ms), 80)
            lost = []
            for press in presses:
                whole = np.arange(-(-press.start // 160), press.end // 160)
                lost.append(int(rng.choice(whole)))
            audio = through_line(frames_lost(signal, np.array(lost), how))  # type: ignore[arg-type]
            yield Point(f"one frame {how}", f"in {on_ms} ms", audio, presses, "sweep")
            flags = np.zeros(-(-signal.size // 160), dtype=bool)
            flags[lost] = True
            yield Point(f"one frame {how}, known", f"in {on_ms} ms", audio, presses, "sweep", tuple(flags.tolist()))
    for percent in (2, 5, 10):
        for how in ("zeroed", "repeated"):
            signal, presses = train(rng, plain(on_ms=100), 100, n_keys=192)
            lost_now = np.flatnonzero(rng.random(signal.size // 160) < percent / 100)
            audio = through_line(frames_lost(signal, lost_now, how))  # type: ignore[arg-type]
            yield Point(f"frames {how} at random", f"{percent} %", audio, presses, "sweep")
    for gap_ms in (10, 20, 40, 60):
        parts, presses = _with_gaps(rng, gap_ms)
        yield Point("packet gap between digits", f"{gap_ms} ms", through_line(parts), presses, "sweep")


def _with_gaps(rng: np.random.Generator, gap_ms: float) -> tuple[Signal, tuple[Press, ...]]:
    """A late packet: silence put in during a pause, everything after it moves."""
    signal, presses = train(rng, plain(on_ms=70), 70)
    parts, moved, shift, position = [], [], 0, 0
    for press in presses:
        moved.append(Press(press.digit, press.start + shift, press.end + shift))
        cut = press.end + samples_of(20)
        parts += [signal[position:cut], silence(gap_ms)]
        position = cut
        shift += samples_of(gap_ms)
    parts.append(signal[position:])
    return np.concatenate(parts), tuple(moved)


def slips(rng: np.random.Generator) -> Iterator[Point]:
    """Samples left out or doubled inside a digit, as clocks that drift apart cause it."""
    for slip in (-80, -40, -8, -1, 1, 8, 40, 80):

        def each(signal: Signal, rng: np.random.Generator, slip: int = slip) -> Signal:
            at = int(rng.integers(280, signal.size - 100))
            return np.concatenate([signal[:at], signal[at - slip :]])

        yield _point("slip in 100 ms", f"{slip:+d} samples", train(rng, plain(on_ms=100), 60, each=each), "sweep")


def disturbed(rng: np.random.Generator) -> Iterator[Point]:
    """Hum, offset, a third tone, clicks, harmonics, soft edges, loudspeaker clipping."""
    for ratio_db in (20, 10, 6, 3, 0, -6):
        for hum_hz in (50, 60):

            def hum(signal: Signal, rng: np.random.Generator, r: float = ratio_db, f: float = hum_hz) -> Signal:
                return signal + sine(f, signal.size, -10 - r)

            yield _point(f"hum {hum_hz} Hz", f"{ratio_db} dB under", train(rng, plain()), "sweep", over=hum, rng=rng)
    for offset in (500, 2000):

        def shifted(signal: Signal, rng: np.random.Generator, offset: float = offset) -> Signal:
            return signal + offset

        yield _point("constant offset", f"{offset}", train(rng, plain()), "sweep", over=shifted, rng=rng)
    for ratio_db in (20, 16, 12, 10, 8, 6):

        def third(signal: Signal, rng: np.random.Generator, r: float = ratio_db) -> Signal:
            level_dbm0 = 20 * np.log10(np.sqrt(np.mean(signal**2)) / 32767 * np.sqrt(2)) + 3.14 - 3.01 - r
            return signal + sine(rng.uniform(1800, 3400), signal.size, level_dbm0)

        yield _point("third tone", f"{ratio_db} dB under", train(rng, plain(), each=third), "sweep")

    def clicks(signal: Signal, rng: np.random.Generator) -> Signal:
        hit = signal.copy()
        hit[rng.random(signal.size) < 20 / SAMPLE_RATE_HZ] += amplitude_of(0)
        return hit

    yield _point("clicks", "20 a second", train(rng, plain()), "sweep", over=clicks, rng=rng)
    for gain_db in (3, 6, 9):

        def clipped(signal: Signal, rng: np.random.Generator, gain_db: float = gain_db) -> Signal:
            peak = 2 * amplitude_of(-10)
            return np.clip(signal * 10 ** (gain_db / 20), -peak, peak)

        yield _point("clipped", f"{gain_db} dB", train(rng, plain()), "sweep", over=clipped, rng=rng)
    for ramp_ms in (1, 3, 5):

        def soft(signal: Signal, rng: np.random.Generator, ramp_ms: float = ramp_ms) -> Signal:
            edge = np.minimum(np.arange(1, signal.size + 1) / samples_of(ramp_ms), 1.0)
            return signal * edge * edge[::-1]

        yield _point("soft edges", f"{ramp_ms} ms", train(rng, plain(on_ms=50), each=soft), "take")




def barge_in(rng: np.random.Generator) -> Iterator[Point]:
    """A talker under the digits, level of a tone over the talker's mean."""
    for on_ms in (60, 100):
        for ratio_db in (30, 20, 15, 12, 9, 6, 3):

            def over(signal: Signal, rng: np.random.Generator, r: float = ratio_db) -> Signal:
                return signal + talker(signal.size / SAMPLE_RATE_HZ + 1, rng, -10.0 - r)[: signal.size]

            made = train(rng, plain(on_ms=on_ms), 60, n_keys=192)
            yield _point(f"talker, {on_ms} ms", f"{ratio_db} dB under", made, "sweep", over=over, rng=rng)


def silent(rng: np.random.Generator) -> Iterator[Point]:
    """Nothing here is a digit."""
    signals: list[tuple[str, Signal]] = [
        ("white noise", noise(SAMPLE_RATE_HZ * 120, -12, rng)),
        ("synthetic talker", talker(1200, rng)),
        ("glides", np.concatenate([glide(10, rng) for _ in range(30)])),
        ("sustained notes", notes(600, rng)),
    ]
    for name, signal in signals:
        yield Point(f"false: {name}", f"{signal.size / 8000:.0f} s", through_line(signal), (), "quiet")
    halves = [np.concatenate([half, silence(60)]) for half in _halves(rng)]
    yield Point("false: half digits", "one group only", through_line(np.concatenate(halves)), (), "quiet")
    progress = [np.concatenate([tone, silence(100)]) for tone in _progress(rng)]
    yield Point("false: progress tones", "of 20 kinds", through_line(np.concatenate(progress)), (), "quiet")
    pairs = [np.concatenate([pair, silence(60)]) for pair in _wrong_pairs(rng)]
    yield Point("false: other tone pairs", "5 % and more off", through_line(np.concatenate(pairs)), (), "quiet")


def _halves(rng: np.random.Generator) -> Iterator[Signal]:
    for frequency_hz in (697, 770, 852, 941, 1209, 1336, 1477, 1633):
        for _ in range(12):
            yield sine(frequency_hz * rng.uniform(0.985, 1.015), samples_of(rng.uniform(40, 120)), -8)


def _progress(rng: np.random.Generator) -> Iterator[Signal]:
    kinds = ((350, 440), (440, 480), (480, 620), (425,), (450,), (400,), (400, 450), (950,), (1400,), (1800,), (2100,))
    kinds += ((1100,), (1300,), (440,), (620,), (950, 1400), (1400, 1800), (600,), (900, 1300), (700, 1100))  # type: ignore[assignment]
    for kind in kinds:
        for on_ms in (50, 100, 330, 500):
            yield np.sum([sine(one, samples_of(on_ms), -12, rng.uniform(0, 6)) for one in kind], axis=0)


def _wrong_pairs(rng: np.random.Generator) -> Iterator[Signal]:
    for _ in range(300):
        digit = KEYS[int(rng.integers(16))]
        off, other = rng.choice([-1, 1]) * rng.uniform(0.045, 0.08), rng.uniform(-0.08, 0.08)
        low_off, high_off = (off, other) if rng.random() < 0.5 else (other, off)
        yield key_signal(Key(digit, rng.uniform(40, 120), -8, 0, low_off, high_off), rng)


FAMILIES: tuple[Callable[[np.random.Generator], Iterator[Point]], ...] = (
    frequency,
    twist,
    level,
    length,
    pause,
    interruption,
    signal_to_noise,
    corners,
    dial_tone,
    echo,
    lost_frames,
    slips,
    disturbed,
    barge_in,
    silent,
)


def battery(seed: int = 1, families: tuple[str, ...] = ()) -> list[Point]:
    """Every point, or those of the named families; a family's points do not depend on which others are made."""
    points: list[Point] = []
    for index, family in enumerate(FAMILIES):
        if not families or family.__name__ in families:
            points += family(np.random.default_rng((seed, index)))
    return points
