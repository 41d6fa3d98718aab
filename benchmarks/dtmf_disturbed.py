"""What lines, phones and people do to keys, and what is no key at all: families of the battery.

Left out: the limits of the standards (dtmf_battery.py).
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.dtmf_points import Point, Press, Rule, make_point, plain, train
from media.dtmf import KEYS
from media.dtmf.testing import (
    Key,
    Signal,
    amplitude_of,
    frames_lost,
    glide,
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
from media.types import SAMPLE_RATE_HZ


def echo(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: an echo up to 20 ms late and 10 dB down."""
    for loss_db in (10, 8, 6):
        for delay_ms in (2, 5, 8, 10, 12, 15, 18, 20):

            def over(
                signal: Signal,
                _rng: np.random.Generator,
                delay_ms: float = delay_ms,
                loss_db: float = loss_db,
            ) -> Signal:
                return with_echo(signal, delay_ms, loss_db)

            made = train(rng, plain(on_ms=50), 60)
            rule: Rule = "take" if loss_db == 10 else "sweep"
            yield make_point(f"echo -{loss_db} dB", f"{delay_ms} ms late", made, rule, over=over, rng=rng)


def lost_frames(rng: np.random.Generator) -> Iterator[Point]:
    """One 20 ms frame inside each digit silent or repeated; the loss known or not."""
    for how in ("zeroed", "repeated"):
        for on_ms in (60, 80, 100, 200):
            signal, presses = train(rng, plain(on_ms=on_ms), 80)
            lost = []
            for press in presses:
                whole = np.arange(-(-press.start // 160), press.end // 160)
                lost.append(int(rng.choice(whole)))
            audio = through_line(frames_lost(signal, np.array(lost), how))
            yield Point(f"one frame {how}", f"in {on_ms} ms", audio, presses, "sweep")
            flags = np.zeros(-(-signal.size // 160), dtype=bool)
            flags[lost] = True
            yield Point(
                f"one frame {how}, known", f"in {on_ms} ms", audio, presses, "sweep", tuple(flags.tolist())
            )
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

        yield make_point(
            "slip in 100 ms", f"{slip:+d} samples", train(rng, plain(on_ms=100), 60, each=each), "sweep"
        )


def disturbed(rng: np.random.Generator) -> Iterator[Point]:
    """Hum, offset, a third tone, clicks, harmonics, soft edges, loudspeaker clipping."""
    for ratio_db in (20, 10, 6, 3, 0, -6):
        for hum_hz in (50, 60):

            def hum(
                signal: Signal, _rng: np.random.Generator, r: float = ratio_db, f: float = hum_hz
            ) -> Signal:
                return signal + sine(f, signal.size, -10 - r)

            yield make_point(
                f"hum {hum_hz} Hz", f"{ratio_db} dB under", train(rng, plain()), "sweep", over=hum, rng=rng
            )
    for offset in (500, 2000):

        def shifted(signal: Signal, _rng: np.random.Generator, offset: float = offset) -> Signal:
            return signal + offset

        yield make_point("constant offset", f"{offset}", train(rng, plain()), "sweep", over=shifted, rng=rng)
    for ratio_db in (20, 16, 12, 10, 8, 6):

        def third(signal: Signal, rng: np.random.Generator, r: float = ratio_db) -> Signal:
            level_dbm0 = 20 * np.log10(np.sqrt(np.mean(signal**2)) / 32767 * np.sqrt(2)) + 3.14 - 3.01 - r
            return signal + sine(rng.uniform(1800, 3400), signal.size, level_dbm0)

        yield make_point("third tone", f"{ratio_db} dB under", train(rng, plain(), each=third), "sweep")

    def clicks(signal: Signal, rng: np.random.Generator) -> Signal:
        hit = signal.copy()
        hit[rng.random(signal.size) < 20 / SAMPLE_RATE_HZ] += amplitude_of(0)
        return hit

    yield make_point("clicks", "20 a second", train(rng, plain()), "sweep", over=clicks, rng=rng)
    for gain_db in (3, 6, 9):

        def clipped(signal: Signal, _rng: np.random.Generator, gain_db: float = gain_db) -> Signal:
            peak = 2 * amplitude_of(-10)
            return np.clip(signal * 10 ** (gain_db / 20), -peak, peak)

        yield make_point("clipped", f"{gain_db} dB", train(rng, plain()), "sweep", over=clipped, rng=rng)
    for ramp_ms in (1, 3, 5):

        def soft(signal: Signal, _rng: np.random.Generator, ramp_ms: float = ramp_ms) -> Signal:
            edge = np.minimum(np.arange(1, signal.size + 1) / samples_of(ramp_ms), 1.0)
            return signal * edge * edge[::-1]

        yield make_point("soft edges", f"{ramp_ms} ms", train(rng, plain(on_ms=50), each=soft), "take")


def barge_in(rng: np.random.Generator) -> Iterator[Point]:
    """A talker under the digits, level of a tone over the talker's mean."""
    for on_ms in (60, 100):
        for ratio_db in (30, 20, 15, 12, 9, 6, 3):

            def over(signal: Signal, rng: np.random.Generator, r: float = ratio_db) -> Signal:
                return signal + talker(signal.size / SAMPLE_RATE_HZ + 1, rng, -10.0 - r)[: signal.size]

            made = train(rng, plain(on_ms=on_ms), 60, n_keys=192)
            yield make_point(f"talker, {on_ms} ms", f"{ratio_db} dB under", made, "sweep", over=over, rng=rng)


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
    yield Point(
        "false: other tone pairs", "4.5 to 6.8 % off", through_line(np.concatenate(pairs)), (), "quiet"
    )


def _halves(rng: np.random.Generator) -> Iterator[Signal]:
    for frequency_hz in (697, 770, 852, 941, 1209, 1336, 1477, 1633):
        for _ in range(12):
            yield sine(frequency_hz * rng.uniform(0.985, 1.015), samples_of(rng.uniform(40, 120)), -8)


def _progress(rng: np.random.Generator) -> Iterator[Signal]:
    kinds = (
        (350, 440),
        (440, 480),
        (480, 620),
        (425,),
        (450,),
        (400,),
        (400, 450),
        (950,),
        (1400,),
        (1800,),
        (2100,),
    )
    kinds += ((1100,), (1300,), (440,), (620,), (950, 1400), (1400, 1800), (600,), (900, 1300), (700, 1100))  # type: ignore[assignment]
    for kind in kinds:
        for on_ms in (50, 100, 330, 500):
            yield np.sum([sine(one, samples_of(on_ms), -12, rng.uniform(0, 6)) for one in kind], axis=0)


def _wrong_pairs(rng: np.random.Generator) -> Iterator[Signal]:
    for _ in range(300):
        digit = KEYS[int(rng.integers(16))]
        off, other = rng.choice([-1, 1]) * rng.uniform(0.045, 0.068), rng.uniform(-0.068, 0.068)
        low_off, high_off = (off, other) if rng.random() < 0.5 else (other, off)
        yield key_signal(Key(digit, rng.uniform(40, 120), -8, 0, low_off, high_off), rng)
