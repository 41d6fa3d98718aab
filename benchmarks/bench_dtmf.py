"""How the detector reads, beside spandsp on the same signals; each command prints the table docs/dtmf.md
quotes.

    python benchmarks/bench_dtmf.py battery [family ...]      every point of the battery where either fails;
    sums python benchmarks/bench_dtmf.py table                     the requirements, one a line
    python benchmarks/bench_dtmf.py talkoff --cache DIR       false digits in real speech from Debian packages
    python benchmarks/bench_dtmf.py spoken --cache DIR --hours 40     the same in synthetic speech
    python benchmarks/bench_dtmf.py speed [--cache DIR] [--legs N ...]     one core, many legs
    python benchmarks/bench_dtmf.py mitel                     the tests of Mitel's tape CM7291

Units: per cent of key presses read exactly once; false digits; us of CPU per leg and 20 ms tick.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402

from benchmarks import dtmf_mitel, dtmf_peer, dtmf_speech, dtmf_spoken  # noqa: E402  # found by the path set above
from benchmarks.dtmf_battery import battery  # noqa: E402
from benchmarks.dtmf_judge import (  # noqa: E402
    Heard,
    Score,
    beyond,
    judge,
    meets,
    run_ours,
    run_spandsp,
    timing,
    worse,
)
from benchmarks.dtmf_points import Point  # noqa: E402
from benchmarks.dtmf_table import markdown  # noqa: E402
from media.dtmf import DtmfBank  # noqa: E402
from media.dtmf.testing import (  # noqa: E402
    Key,
    band_limited,
    dialled,
    talker,
    through_line,
)
from media.types import Pcm16  # noqa: E402

TICK = 160
DETECTORS = ("ours", "spandsp", "spandsp+filter")


def everyone(points: list[Point]) -> tuple[list[list[list[Heard]]], list[list[Score]]]:
    """What each detector reported at each point, and its score."""
    heard = [run_ours(points)]
    if dtmf_peer.available():
        heard += [run_spandsp(points, False), run_spandsp(points, True)]
    else:
        print("libspandsp2 is not on this machine: its columns repeat ours", file=sys.stderr)
        heard += [heard[0], heard[0]]
    return heard, [[judge(point, got) for point, got in zip(points, each, strict=True)] for each in heard]


def sums(points: list[Point], scores: list[list[Score]]) -> None:
    """Print how many rules each detector meets and where ours is worse or better."""
    for name, each in zip(DETECTORS, scores, strict=True):
        ruled = [(point, score) for point, score in zip(points, each, strict=True) if point.rule != "sweep"]
        print(f"{name:16} meets {sum(meets(*pair) for pair in ruled)} of {len(ruled)} rules")
    for name, each in zip(DETECTORS[1:], scores[1:], strict=True):
        pairs = list(zip(points, scores[0], each, strict=True))
        worse_at = sum(worse(point, mine, other) for point, mine, other in pairs if not beyond(point))
        better_at = sum(worse(point, other, mine) for point, mine, other in pairs if not beyond(point))
        print(f"against {name}: worse at {worse_at}, better at {better_at} of {len(points)} points")


def run_table(seed: int) -> None:
    """Print the requirements as a Markdown table, then the timing."""
    points = battery(seed)
    heard, scores = everyone(points)
    print(markdown(points, scores, DETECTORS))
    print()
    sums(points, scores)
    timing(points, heard[0])


def run_battery(families: tuple[str, ...], seed: int, everything: bool) -> None:
    """Print a line a point (only those where something fails or differs, unless everything), then the
    sums."""
    points = battery(seed, families)
    heard, scores = everyone(points)
    print(f"{'family':34}{'point':16}{'rule':8}" + "".join(f"{name:>18}" for name in DETECTORS))
    for index, point in enumerate(points):
        three = [each[index] for each in scores]
        # Where nothing is to be read a lower figure is the better one, so a sweep beyond every rule is only
        # shown.
        marks = "".join(
            mark
            for mark, other in (("w", three[1]), ("W", three[2]))
            if point.rule != "sweep" or not beyond(point)
            if worse(point, three[0], other)
        )
        failed = not meets(point, three[0])
        if everything or marks or failed:
            figures = "".join(f"{score.percent:11.1f} % {score.false:4d}" for score in three)
            verdict = " FAILS" if failed else ""
            print(f"{point.family:34}{point.label:16}{point.rule:8}{figures} {marks}{verdict}")
    sums(points, scores)
    timing(points, heard[0])


def false_digits(audio: Pcm16, n_legs: int = 64) -> int:
    """Digits a bank reports in audio that holds none, the audio cut into legs."""
    length = -(-audio.size // n_legs)
    padded = np.zeros(n_legs * length, dtype=np.int16)
    padded[: audio.size] = audio
    legs = padded.reshape(n_legs, length)
    bank = DtmfBank(n_legs)
    return sum(len(bank.feed(legs[:, begin : begin + 8000])) for begin in range(0, length, 8000))


ESPEAK_VOICES = ("en", "cmn", "de", "fr-fr", "es", "it", "ru", "pt", "nl", "sv", "hi", "tr")


def espeak(cache: Path, text_package: str = "common-licenses") -> Pcm16:
    """Synthetic speech: the licence texts every Debian machine holds, read in twelve voices and three
    pitches."""
    stored = cache / "espeak.npy"
    if not stored.exists():
        text = Path("/usr/share", text_package, "GPL-2").read_text(encoding="utf-8")[:9000]
        parts = []
        for voice in ESPEAK_VOICES:
            for pitch in ("25", "50", "80"):
                target = cache / "espeak.wav"
                subprocess.run(["espeak-ng", "-v", voice, "-p", pitch, "-w", str(target), text], check=True)
                decoded = dtmf_speech.decode(target)
                if decoded is not None:
                    parts.append(decoded)
        np.save(stored, np.concatenate(parts))
    loaded: Pcm16 = np.load(stored)
    return loaded


def run_talkoff(cache: Path) -> None:
    """False digits by source, as recorded and limited to 300..3400 Hz, through A-law at -15 dBm0."""
    sources: list[tuple[str, Callable[[], Pcm16]]] = [
        (name, partial(dtmf_speech.load, name, cache)) for name in dtmf_speech.PACKAGES
    ]
    sources.append(("espeak-ng", lambda: espeak(cache)))
    sums = np.zeros(3)
    print(f"{'source':34}{'hours':>7}{'ours':>8}{'spandsp':>9}")
    for name, load in sources:
        signal = dtmf_speech.levelled(load())
        mine = peer = 0
        for heard in (through_line(signal), through_line(band_limited(signal))):
            mine += false_digits(heard)
            peer += len(dtmf_peer.detect(heard, False)) if dtmf_peer.available() else 0
        hours = 2 * signal.size / 8000 / 3600
        sums += (hours, mine, peer)
        print(f"{name:34}{hours:7.2f}{mine:8d}{peer:9d}", flush=True)
    print(f"{'all':34}{sums[0]:7.2f}{int(sums[1]):8d}{int(sums[2]):9d}")


def run_spoken(cache: Path, hours: float) -> None:
    """False digits in synthetic speech, as it is and limited to 300..3400 Hz, through A-law at -15 dBm0."""
    heard_hours, mine, peer, reported = 0.0, 0, 0, 0.0
    print(f"{'hours':>8}{'ours':>8}{'spandsp':>9}")
    for reading in dtmf_spoken.readings(cache):
        signal = dtmf_speech.levelled(reading)
        for heard in (through_line(signal), through_line(band_limited(signal))):
            mine += false_digits(heard)
            peer += len(dtmf_peer.detect(heard, False)) if dtmf_peer.available() else 0
        heard_hours += 2 * signal.size / 8000 / 3600
        if heard_hours >= min(reported + 1, hours):
            reported = heard_hours
            print(f"{heard_hours:8.2f}{mine:8d}{peer:9d}", flush=True)
        if heard_hours >= hours:
            return


def loads(cache: Path | None, n_legs: int, n_ticks: int) -> dict[str, npt.NDArray[np.int16]]:
    """What 4,000 legs may carry, shape (n_legs, n_ticks * TICK)."""
    rng = np.random.default_rng(3)
    n_samples = n_ticks * TICK
    spoken = (
        dtmf_speech.load("asterisk-core-sounds-en-wav", cache) if cache else through_line(talker(600, rng))
    )
    prompts = through_line(dtmf_speech.levelled(spoken))
    loud = (
        np.abs(prompts.astype(np.int32)).reshape(-1)[: prompts.size // 400 * 400].reshape(-1, 400).max(axis=1)
        > 800
    )
    unbroken = prompts[: prompts.size // 400 * 400].reshape(-1, 400)[loud].reshape(-1)
    numbers = [
        through_line(
            dialled(
                [Key("159D"[i % 4], on_ms=50) for i in range(n_samples // 800 + 4)],
                rng,
                50,
                20 * rng.random(),
            )[0]
        )
        for _ in range(40)
    ]
    dialling = np.stack([numbers[leg % 40][:n_samples] for leg in range(n_legs)])

    def cut(source: Pcm16) -> npt.NDArray[np.int16]:
        begins = rng.integers(0, source.size - n_samples, n_legs)
        return np.stack([source[begin : begin + n_samples] for begin in begins])

    tenth = cut(prompts)
    tenth[::10] = dialling[::10]
    return {
        "silence": np.zeros((n_legs, n_samples), dtype=np.int16),
        "prompts": cut(prompts),
        "unbroken speech": cut(unbroken),
        "a tenth dialling, rest prompts": tenth,
        "all dialling without pause": dialling,
    }


def cost_of(
    audio: npt.NDArray[np.int16],
    n_legs: int,
    n_ticks: int,
    between: Callable[[], None] = lambda: None,
) -> tuple[list[float], list[float]]:
    """What each tick of a bank takes in seconds: of CPU, and by the clock (which others' work lengthens).

    Args:
        audio: shape (n_legs, n_ticks * TICK).
        n_legs, n_ticks: of it.
        between: called after each tick and not counted.
    """
    bank = DtmfBank(n_legs)
    spent, walls = [], []
    for tick in range(n_ticks):
        frame = np.ascontiguousarray(audio[:, tick * TICK : (tick + 1) * TICK])
        started, clock = time.process_time(), time.perf_counter()
        bank.listen(frame)
        walls.append(time.perf_counter() - clock)
        spent.append(time.process_time() - started)
        between()
    return spent, walls


def run_speed(cache: Path | None, leg_counts: list[int], n_ticks: int = 150) -> None:
    """CPU per leg and tick of a bank, against the C of spandsp on one leg (which costs the same on any
    signal)."""
    sample = through_line(talker(1, np.random.default_rng(1)))
    peers: list[float] = []

    def peer() -> None:
        """After each tick, so that both meet the same neighbours on a busy machine; the first round only
        brings its code back into the cache."""
        if dtmf_peer.available():
            dtmf_peer.seconds_per_tick(sample, 4)
            peers.append(dtmf_peer.seconds_per_tick(sample, 4) * 1e6)

    columns = f"{'us':>8}{'legs in real time':>20}{'spandsp us':>12}{'of spandsp':>12}"
    print(f"{'legs':>6}  {'load':32}{columns}{'p99 CPU ms':>13}{'p99 wall ms':>13}")
    for n_legs in leg_counts:
        for name, audio in loads(cache, n_legs, n_ticks).items():
            peers.clear()
            spent, walls = cost_of(audio, n_legs, n_ticks, peer)
            cost_us, peer_us = sum(spent) / n_ticks / n_legs * 1e6, float(np.mean(peers or [0.0]))
            share = f"{peer_us / cost_us:.2f} x" if peer_us else ""
            p99 = [float(np.percentile(times, 99)) * 1e3 for times in (spent, walls)]
            figures = f"{cost_us:8.2f}{20000 / cost_us:20,.0f}{peer_us:12.2f}{share:>12}"
            print(f"{n_legs:6d}  {name:32}{figures}{p99[0]:13.2f}{p99[1]:13.2f}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("battery")
    one.add_argument("families", nargs="*")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--all", action="store_true", help="print every point")
    table = commands.add_parser("table")
    table.add_argument("--seed", type=int, default=1)
    talkoff = commands.add_parser("talkoff")
    talkoff.add_argument("--cache", type=Path, required=True)
    spoken = commands.add_parser("spoken")
    spoken.add_argument("--cache", type=Path, required=True)
    spoken.add_argument("--hours", type=float, default=40.0)
    commands.add_parser("mitel")
    speed = commands.add_parser("speed")
    speed.add_argument("--cache", type=Path)
    speed.add_argument("--legs", type=int, nargs="+", default=[1, 100, 1000, 4000])
    arguments = parser.parse_args()
    if arguments.command == "battery":
        run_battery(tuple(arguments.families), arguments.seed, arguments.all)
    elif arguments.command == "table":
        run_table(arguments.seed)
    elif arguments.command == "talkoff":
        run_talkoff(arguments.cache)
    elif arguments.command == "mitel":
        print(dtmf_mitel.markdown())
    elif arguments.command == "spoken":
        run_spoken(arguments.cache, arguments.hours)
    else:
        run_speed(arguments.cache, arguments.legs)


if __name__ == "__main__":
    main()
