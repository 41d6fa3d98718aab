"""Train the score that tells keys from voices, and write media/dtmf/weights.py.

    python scripts/train_dtmf.py --cache DIRECTORY

Positives: every look at a key press that must be read, in a generated battery of its own seed. Negatives:
every look at speech and music from the Debian packages named in benchmarks/dtmf_speech.py (fetched by apt
into the cache, at several playing speeds and band-limited), at a synthetic talker, glides, chords and noise.
The same inputs give the same weights.
A network of one small hidden layer on standardised features, by L-BFGS from seeded first weights.
"""

import argparse
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.signal import resample_poly

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import dtmf_speech  # noqa: E402  # found by the path set above
from benchmarks.dtmf_battery import battery  # noqa: E402
from benchmarks.dtmf_points import Point  # noqa: E402
from media.dtmf import KEYS, DtmfBank, Limits  # noqa: E402
from media.dtmf import bank as bank_module  # noqa: E402
from media.dtmf.decide import Candidates, Verdict, examine  # noqa: E402
from media.dtmf.score import MAX_DEVIATION, N_FEATURES  # noqa: E402
from media.dtmf.testing import (  # noqa: E402
    Key,
    Signal,
    band_limited,
    glide,
    key_signal,
    noise,
    notes,
    silence,
    talker,
    through_line,
)
from media.types import Pcm16  # noqa: E402

Matrix = npt.NDArray[np.float64]
TICK = 160
SPEEDS = ((1, 1), (10, 11), (11, 10), (5, 6), (6, 5))
"""Resampling ratios: other voices out of the same recordings."""


class Collector(DtmfBank):
    """A bank that accepts nothing and keeps the features of all that is within the standards' limits."""

    def __init__(self, n_legs: int) -> None:
        super().__init__(n_legs, Limits(min_score=float("inf")))
        self.looks: list[tuple[int, float, str, npt.NDArray[np.float64]]] = []

    def collect(self, audio: npt.NDArray[np.int16]) -> None:
        """Run over the audio, shape (n_legs, n_samples)."""
        legs_now: list[npt.NDArray[np.int64]] = []
        plain_examine = self._examine

        def watched(candidates: Candidates, limits: Limits) -> Verdict:
            verdict = examine(candidates, limits)
            for index in np.flatnonzero(verdict.within).tolist():
                row = int(verdict.row[index])
                start = float(verdict.start[index]) + self._first_sample()
                key = KEYS[int(candidates.digit[row])]
                self.looks.append((int(legs_now[-1][row]), start, key, verdict.features[index]))
            return verdict

        def examined(legs: npt.NDArray[np.int64], *rest: object) -> None:
            legs_now.append(legs)
            plain_examine(legs, *rest)  # type: ignore[arg-type]  # passed on as they came

        setattr(self, "_examine", examined)  # noqa: B010  # watched for the length of this run
        setattr(bank_module, "examine", watched)  # noqa: B010
        try:
            for begin in range(0, audio.shape[1], TICK * 50):
                self.listen(audio[:, begin : begin + TICK * 50])
        finally:
            setattr(bank_module, "examine", examine)  # noqa: B010


def negatives(audio: Pcm16, n_legs: int = 1024) -> Matrix:
    """Looks at audio that holds no key."""
    length = -(-audio.size // n_legs)
    padded = np.zeros(n_legs * length, dtype=np.int16)
    padded[: audio.size] = audio
    collector = Collector(n_legs)
    collector.collect(padded.reshape(n_legs, length))
    return np.array([look[3] for look in collector.looks]).reshape(len(collector.looks), N_FEATURES)


def wanted(point: Point) -> bool:
    """Points whose keys are to be read: the rules' and the goals beyond them."""
    if point.rule == "take":
        return True
    if point.rule != "sweep" or not point.presses:
        return False
    numbers = re.findall(r"[+-]?\d+\.?\d*", point.label)
    number = float(numbers[0]) if numbers else 0.0
    family = point.family
    if family.startswith("noise"):
        return number >= {"40": 6, "50": 6, "10": 4}[family.split()[1][:2]]
    bounds = {"frequency": (-2.1, 2.1), "twist": (-9, 6), "level": (-45, 3), "length": (32, 2000)}
    bounds |= {"dial": (-18, 99), "talker": (9, 99), "third": (6, 99), "hum": (0, 99), "corners": (12, 99)}
    for name, (least, most) in bounds.items():
        if family.startswith(name):
            return least <= number <= most if name != "corners" else True
    return True


def positives(points: list[Point]) -> Matrix:
    """Looks at keys: those that found the right key near its start."""
    rows = []
    for first in range(0, len(points), 64):
        group = points[first : first + 64]
        longest = max(point.audio.size for point in group)
        audio = np.zeros((len(group), longest + 4 * TICK), dtype=np.int16)
        for leg, point in enumerate(group):
            audio[leg, : point.audio.size] = point.audio
        collector = Collector(len(group))
        collector.collect(audio)
        for leg, start, key, features in collector.looks:
            if any(
                press.digit == key and press.start - 60 < start < press.end - 200
                for press in group[leg].presses
            ):
                rows.append(features)
    return np.array(rows).reshape(len(rows), N_FEATURES)


def speech_looks(package: str, cache: Path) -> Matrix:
    """Looks at one package, at every speed, half of them band-limited."""
    signal = dtmf_speech.levelled(dtmf_speech.load(package, cache))
    found = []
    for index, (up, down) in enumerate(SPEEDS):
        played = signal if up == down else resample_poly(signal, up, down)
        variants = (False, True) if index == 0 else (bool(index % 2),)
        found += [
            negatives(through_line(band_limited(played) if limited else played)) for limited in variants
        ]
    return np.concatenate([part for part in found if part.size] or [np.zeros((0, N_FEATURES))])


def off_frequency(n_keys: int, rng: np.random.Generator) -> Signal:
    """Keys with one or both tones 3.2 to 6.5 % off: further out they would be the neighbouring key."""
    parts: list[Signal] = []
    for _ in range(n_keys):
        both = rng.uniform(0.032, 0.065, 2) * rng.choice([-1, 1], 2)
        low, high = ((both[0], both[1]), (both[0], 0.0), (0.0, both[1]))[int(rng.integers(3))]
        digit = KEYS[int(rng.integers(16))]
        key = Key(digit, float(rng.uniform(35, 120)), -8, float(rng.uniform(-8, 4)), low, high)
        parts += [key_signal(key, rng), silence(float(rng.uniform(40, 60)))]
    return np.concatenate(parts)


def synthetic_looks(seed: int) -> Matrix:
    """Looks at generated signals that are no keys."""
    rng = np.random.default_rng(seed)
    signals = [talker(300, rng) for _ in range(24)]
    signals += [
        np.concatenate([glide(10, rng) for _ in range(60)]),
        notes(3600, rng),
        noise(8000 * 300, -12, rng),
    ]
    return np.concatenate(
        [part for part in (negatives(through_line(signal)) for signal in signals) if part.size]
    )


def fit_network(rows: Matrix, labels: Matrix, seed: int) -> tuple[Matrix, Matrix, Matrix]:
    """One hidden layer by L-BFGS on the logistic loss with a ridge.

    Args:
        rows: standardised features, shape (n, k).
        labels: 0 or 1, shape (n,).
        seed: of the first weights.

    Returns:
        Hidden weights (k, HIDDEN), hidden biases (HIDDEN,), output weights with the bias last (HIDDEN + 1,).
    """
    k = rows.shape[1]
    n_hidden = k * HIDDEN
    signs = 2 * labels - 1
    start = np.random.default_rng(seed).normal(0, 0.3, n_hidden + 2 * HIDDEN + 1)

    def loss(vector: Matrix) -> tuple[float, Matrix]:
        hidden_weights = vector[:n_hidden].reshape(k, HIDDEN)
        biases, output = vector[n_hidden : n_hidden + HIDDEN], vector[n_hidden + HIDDEN :]
        hidden = np.tanh(rows @ hidden_weights + biases)
        margin = signs * (hidden @ output[:-1] + output[-1])
        # A miss and a false digit weigh alike; the quota of misses sets the bias afterwards.
        value = float(np.logaddexp(0, -margin).mean()) + RIDGE * float(vector @ vector)
        slope = -signs / (1 + np.exp(np.clip(margin, -50, 50))) / labels.size
        back = np.outer(slope, output[:-1]) * (1 - hidden**2)
        gradient = np.concatenate(
            [(rows.T @ back).ravel(), back.sum(axis=0), hidden.T @ slope, [slope.sum()]]
        )
        return value, gradient + 2 * RIDGE * vector

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    vector: Matrix = found.x
    return (
        vector[:n_hidden].reshape(k, HIDDEN),
        vector[n_hidden : n_hidden + HIDDEN],
        vector[n_hidden + HIDDEN :],
    )


HIDDEN = 12
"""Hidden units."""

RIDGE = 1e-6
ITERATIONS = 600

HEADER = '''"""The trained score's numbers: a hidden layer over score.measure's features, and its output.

Origin: scripts/train_dtmf.py, seed {seed},
from {n_keys} looks at generated keys and {n_others} at what is no key:
generated talkers, glides, chords and noise, and the Debian packages
{packages}.
Not to be edited by hand.
"""

from typing import Final

import numpy as np

from media.dtmf.tables import Doubles

# fmt: off
'''
"""What the written module begins with."""

MISSED_LOOKS = 0.0015
"""Part of the looks at keys the bias lets go; a press has several."""


def train(looks: dict[str, Matrix], seed: int, target: Path) -> None:
    """Fit, report what passes, write the module."""
    rng = np.random.default_rng(seed)
    keys = looks["keys"][rng.random(looks["keys"].shape[0]) < 0.4]
    others = np.concatenate([rows for name, rows in looks.items() if name != "keys"])
    centre, scale = keys.mean(axis=0), 1 / keys.std(axis=0)

    def standard(rows: Matrix) -> Matrix:
        standardised: Matrix = np.clip((rows - centre) * scale, -MAX_DEVIATION, MAX_DEVIATION)
        return standardised

    labels = np.concatenate([np.ones(keys.shape[0]), np.zeros(others.shape[0])])
    hidden, biases, output = fit_network(standard(np.concatenate([keys, others])), labels, seed)

    def score_of(rows: Matrix) -> Matrix:
        score: Matrix = np.tanh(standard(rows) @ hidden + biases) @ output[:-1] + output[-1]
        return score

    least = float(np.percentile(score_of(keys), 100 * MISSED_LOOKS))
    output[-1] -= least
    print(f"threshold {least:.2f} of the unbiased score")
    for name, rows in looks.items():
        passed = int((score_of(rows) > 0).sum()) if rows.size else 0
        print(f"{name:32} {passed:7d} of {rows.shape[0]:7d} pass")
    packages = textwrap.fill(", ".join(name for name in looks if name not in ("keys", "synthetic")), 110)
    header = HEADER.format(seed=seed, n_keys=keys.shape[0], n_others=others.shape[0], packages=packages)
    arrays = {
        "CENTRE": centre,
        "SCALE": scale,
        "HIDDEN": hidden,
        "HIDDEN_BIAS": biases,
        "OUTPUT": output[:-1],
    }
    body = "".join(_array(name, values) for name, values in arrays.items())
    target.write_text(header + body + f"OUTPUT_BIAS: Final = {output[-1]:.5f}\n", encoding="utf-8")


def _array(name: str, values: Matrix) -> str:
    numbers = textwrap.fill(", ".join(f"{value:.5g}" for value in values.ravel()), 100)
    indented = textwrap.indent(numbers, "        ")
    shape = f".reshape{values.shape}" if values.ndim > 1 else ""
    return f"{name}: Final[Doubles] = np.array(\n    [\n{indented}\n    ]\n){shape}\n"


def main() -> None:
    """Collect, train, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--again", action="store_true", help="train on the looks collected by the last run")
    arguments = parser.parse_args()
    stored = arguments.cache / "looks.npz"
    if not arguments.again:
        np.savez(stored, **collect(arguments.cache, arguments.seed))  # type: ignore[arg-type]  # names are arrays
    with np.load(stored) as archive:
        looks = {name: archive[name] for name in archive.files}
    train(looks, arguments.seed, ROOT / "media" / "dtmf" / "weights.py")


def collect(cache: Path, seed: int) -> dict[str, Matrix]:
    """All looks, by source."""
    looks = {
        "keys": positives([point for point in battery(seed) if wanted(point)]),
        "synthetic": synthetic_looks(seed),
    }
    for package in dtmf_speech.PACKAGES:
        looks[package] = speech_looks(package, cache)
        print(package, looks[package].shape, flush=True)
    print({name: rows.shape for name, rows in looks.items()})
    return looks


if __name__ == "__main__":
    main()
