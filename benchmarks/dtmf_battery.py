"""The battery: families of generated signals that a DTMF detector is to read, or to stay silent on.

Here the limits of the standards; dtmf_disturbed.py has the rest. Left out: running detectors (dtmf_judge.py)
and real speech (dtmf_speech.py).
"""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.dtmf_disturbed import barge_in, disturbed, echo, lost_frames, silent, slips
from benchmarks.dtmf_points import Point, Rule, corner, make_point, plain, train
from media.dtmf.testing import (
    Signal,
    interrupted,
    noise,
    sine,
)


def frequency(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: ±1.5 % must be read, ±3.5 % refused; ETSI adds 2 Hz."""
    for percent in (
        -5,
        -4,
        -3.5,
        -3,
        -2.75,
        -2.5,
        -2.25,
        -2,
        -1.8,
        -1.5,
        -1,
        0,
        1,
        1.5,
        1.8,
        2,
        2.25,
        2.5,
        2.75,
        3,
        3.5,
        4,
        5,
    ):
        rule: Rule = "take" if abs(percent) <= 1.5 else "refuse" if abs(percent) >= 3.5 else "sweep"
        part = percent / 100
        for name, changes in (
            ("low", {"low_offset": part}),
            ("high", {"high_offset": part}),
            ("both", {"low_offset": part, "high_offset": part}),
        ):
            yield make_point(f"frequency {name} off", f"{percent:+g} %", train(rng, plain(**changes)), rule)
    for sign in (-1, 1):
        for extra_hz in (2, 4):
            draw = plain(low_offset=sign * 0.015, high_offset=sign * 0.015, extra_hz=sign * extra_hz)
            rule = "take" if extra_hz == 2 else "sweep"
            yield make_point(
                "frequency plus", f"{sign * 1.5:+g} % {sign * extra_hz:+d} Hz", train(rng, draw), rule
            )


def twist(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: high tone 4 dB stronger to 8 dB weaker."""
    for twist_db in (-14, -12, -10, -9, -8, -7, -6, -4, -2, 0, 2, 3, 4, 5, 6, 7, 8, 10, 12):
        rule: Rule = "take" if -8 <= twist_db <= 4 else "sweep"
        for law in ("alaw", "ulaw"):
            draw = plain(twist_db=twist_db, low_dbm0=-10 - max(0, twist_db))
            yield make_point(f"twist {law}", f"{twist_db:+d} dB", train(rng, draw), rule, law)


def level(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: 0..-25 dBm a tone; RFC 4733: down to -36; refused at -55."""
    for level_dbm0 in (
        3,
        1,
        0,
        -3,
        -10,
        -20,
        -25,
        -30,
        -36,
        -40,
        -41,
        -42,
        -43,
        -44,
        -46,
        -48,
        -50,
        -52,
        -55,
        -58,
        -60,
    ):
        rule: Rule = "take" if -36 <= level_dbm0 <= 0 else "refuse" if level_dbm0 <= -55 else "sweep"
        for law in ("alaw", "ulaw"):
            made = train(rng, plain(low_dbm0=level_dbm0))
            yield make_point(f"level {law}", f"{level_dbm0:+d} dBm0", made, rule, law)


def length(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24 AT&T: 40 ms must be read, 23 ms refused."""
    for on_ms in (
        10,
        15,
        18,
        20,
        22,
        23,
        24,
        26,
        28,
        29,
        30,
        31,
        32,
        33,
        34,
        36,
        38,
        40,
        45,
        50,
        60,
        80,
        100,
        200,
        1000,
    ):
        rule: Rule = "take" if on_ms >= 40 else "refuse" if on_ms <= 23 else "sweep"
        made = train(rng, plain(on_ms=on_ms), n_keys=192 if on_ms < 100 else 48)
        yield make_point("length", f"{on_ms} ms", made, rule)


def pause(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: 40 ms (NTT, Brazil 30 ms) part two keys; velocity 93 ms a digit."""
    for pause_ms in (0, 2, 5, 8, 10, 15, 20, 22, 24, 25, 26, 27, 28, 30, 32, 35, 40, 50, 60):
        for on_ms in (40, 50):
            rule: Rule = "take" if pause_ms >= 40 else "sweep"
            other = train(rng, plain(on_ms=on_ms), pause_ms, same_pairs=False)
            yield make_point(f"pause, other key, {on_ms} ms", f"{pause_ms} ms", other, rule)
            if pause_ms >= 10:
                same = train(rng, plain(on_ms=on_ms), pause_ms, same_pairs=True)
                yield make_point(f"pause, same key, {on_ms} ms", f"{pause_ms} ms", same, rule)
    for period_ms in (60, 65, 70, 75, 80, 85, 93, 100):
        made = train(rng, plain(on_ms=40), period_ms - 40, same_pairs=False)
        yield make_point(
            "velocity, 40 ms on", f"{period_ms} ms a digit", made, "take" if period_ms >= 93 else "sweep"
        )


def interruption(rng: np.random.Generator) -> Iterator[Point]:
    """Q.24: a break of 10 ms does not end a digit."""
    for gap_ms in (1, 2, 4, 6, 8, 10, 12, 15, 18, 20, 22):
        for on_ms in (80, 120):

            def each(
                signal: Signal, rng: np.random.Generator, gap_ms: float = gap_ms, on_ms: float = on_ms
            ) -> Signal:
                return interrupted(signal, rng.uniform(32, on_ms - gap_ms - 10), gap_ms)

            made = train(rng, plain(on_ms=on_ms), 60, each=each)
            yield make_point(
                f"interruption in {on_ms} ms", f"{gap_ms} ms", made, "take" if gap_ms <= 10 else "sweep"
            )


def signal_to_noise(rng: np.random.Generator) -> Iterator[Point]:
    """White noise over 0..4 kHz against both tones together; AT&T wants 15 dB."""
    for on_ms in (40, 50, 100):
        for ratio_db in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 30):

            def over(signal: Signal, rng: np.random.Generator, ratio_db: float = ratio_db) -> Signal:
                return signal + noise(signal.size, -10 + 3.01 - ratio_db, rng)

            made = train(rng, plain(on_ms=on_ms), 60, n_keys=192)
            rule: Rule = "take" if ratio_db >= 15 else "sweep"
            yield make_point(f"noise, {on_ms} ms", f"S/N {ratio_db} dB", made, rule, over=over, rng=rng)


def corners(rng: np.random.Generator) -> Iterator[Point]:
    """All limits of Q.24 at once, with noise relative to each key."""
    for ratio_db in (12, 15, 20, 25, 40):
        for law in ("alaw", "ulaw"):

            def each(signal: Signal, rng: np.random.Generator, ratio_db: float = ratio_db) -> Signal:
                rms = float(np.sqrt(np.mean(signal**2)))
                return signal + rng.normal(0, rms * 10 ** (-ratio_db / 20), signal.size)

            made = train(rng, corner, 50, n_keys=384, each=each)
            rule: Rule = "take" if ratio_db >= 15 else "sweep"
            yield make_point(f"corners {law}", f"S/N {ratio_db} dB", made, rule, law)


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
                disturbed: Signal = signal + np.sum(np.stack(tones), axis=0)
                return disturbed

            made = train(rng, plain(low_dbm0=-20, on_ms=60), 60)
            name = "+".join(map(str, frequencies_hz))
            yield make_point(f"dial tone {name}", f"{ratio_db:+d} dB", made, "sweep", over=over, rng=rng)


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
    """Every point, or those of the named families; a family's points do not depend on which others are
    made."""
    points: list[Point] = []
    for index, family in enumerate(FAMILIES):
        if not families or family.__name__ in families:
            points += family(np.random.default_rng((seed, index)))
    return points
