"""How soon: a prompt after the answer, one party's sound at the other's ear, a key in the program.

    python benchmarks/latency.py [--quick] [--who ours asterisk]

Questions, each in ms on the wire of loopback, the subject alone on core 0, the telephones on core 1:

    prompt start    from a telephone's 200, and from the ACK it gets, to the first RTP packet with the prompt
                    in it. A one-leg call; the answers lie anywhere in the subject's tick.
    bridge delay    from the packet with a mark in it that one party sends to the same sample at the other
                    party, in a recorded callback. Both parties stream from their answer on; the marks come
                    half a second into the talk, three a call and direction; packets lie anywhere in the tick.
    digit report    from a key on the wire to its report as a line of the core's process, pipe and parsing
                    included. RFC 4733: from the event's first packet, and from the first with the end bit
                    (negative: the key is reported before it is over). In band: from the packet with the first
                    sample of the tone; keys of 60 ms that begin anywhere in a packet.

Percentiles by the nearest rank from above. Our engine is the one of IVRCORE_ENGINE, by default `own`.
Asterisk has no report of its keys that is made alike, so digits are ours alone. Budgets: p95 of the prompt's
start after the ACK 20 ms, of the bridge's delay 40 ms, of a key 30 ms after its end (RFC 4733) and 90 ms
after its begin (in band). CI only checks that it still runs.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.latency_calls import MARKS, SUBJECTS, bridge_delay, prompt_start  # noqa: E402
from benchmarks.latency_keys import KEYS, digit_reports  # noqa: E402
from benchmarks.results import Row, table_of  # noqa: E402


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    prompts: int
    talks: int
    key_calls: int
    who: tuple[str, ...] = tuple(SUBJECTS)

    @classmethod
    def of(cls, quick: bool) -> "Plan":
        """At least 15 samples of each of ours alone in the short form, 50 of both's in the long one."""
        return cls(15, 5, 1, ("ours",)) if quick else cls(60, 20, 4)


def percentile_ms(delays_s: Sequence[float], percent: float) -> float | None:
    """By the nearest rank from above; None of nothing."""
    return 1000 * float(np.percentile(delays_s, percent, method="higher")) if delays_s else None


class Delays:
    """Delays by figure and subject, in seconds."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, list[float]]] = {}
        self._notes: dict[str, list[str]] = {}

    def add(self, what: str, who: str, delays_s: Sequence[float], asked: int) -> None:
        """Keep them; what is missing of what was asked for is noted."""
        self._of.setdefault(what, {})[who] = list(delays_s)
        self._notes.setdefault(what, []).append(f"{who}: {len(delays_s)} of {asked}")

    def has(self, what: str) -> bool:
        """Whether it was measured."""
        return what in self._of

    def rows(self, what: str, budget: str) -> list[Row]:
        """Half of them and 95 of 100; the budget is the latter's."""
        found = self._of[what]
        notes = {50: "; ".join(self._notes[what]), 95: REMARKS.get(what, "")}
        return [
            Row(
                f"{what}, p{percent}",
                "ms",
                percentile_ms(found.get("ours", ()), percent),
                percentile_ms(found.get("asterisk", ()), percent),
                budget if percent == 95 else "",
                notes[percent],
            )
            for percent in (50, 95)
        ]


AFTER_200, AFTER_ACK = "prompt start after the 200", "prompt start after the ACK"
A_TO_B, B_TO_A = "added delay A to B", "added delay B to A"
EVENT_FIRST, EVENT_END = "key by RFC 4733, after its first packet", "key by RFC 4733, after its end"
TONE = "key in band, after its first packet"
BUDGETS = {
    AFTER_200: "",
    AFTER_ACK: "≤ 20",
    A_TO_B: "≤ 40",
    B_TO_A: "≤ 40",
    EVENT_FIRST: "",
    EVENT_END: "≤ 30",
    TONE: "≤ 90",
}

_PASSED_ON = "Asterisk passes each packet on as it comes; ours has a jitter buffer, and its tick of 20 ms"
_ON_THE_TICK = "Asterisk begins at once; ours with its tick of 20 ms"
REMARKS = {AFTER_200: _ON_THE_TICK, AFTER_ACK: _ON_THE_TICK, A_TO_B: _PASSED_ON, B_TO_A: _PASSED_ON}


def measure(quick: bool, tell: Callable[[str], None], plan: Plan | None = None) -> list[Row]:
    """All of it, subjects in turn."""
    plan = plan or Plan.of(quick)
    delays = Delays()
    with tempfile.TemporaryDirectory(prefix="bench-latency-") as name:
        folder = Path(name)
        for who in plan.who:
            ear = prompt_start(folder / f"prompt-{who}", who, plan.prompts)
            since_200, since_ack, whole = ear.starts_s()
            delays.add(AFTER_200, who, since_200, plan.prompts)
            delays.add(AFTER_ACK, who, since_ack, plan.prompts)
            tell(f"{who}: {len(since_ack)} of {plan.prompts} prompts heard, {whole} from their first sample")
            to_b, to_a = bridge_delay(folder / f"bridge-{who}", who, plan.talks)
            for what, found in ((A_TO_B, to_b), (B_TO_A, to_a)):
                delays.add(what, who, found, plan.talks * MARKS)
            tell(f"{who}: {len(to_b)} and {len(to_a)} of {plan.talks * MARKS} marks heard across the bridge")
        if "ours" in plan.who:
            asked = plan.key_calls * len(KEYS)
            for what, found in zip(
                (EVENT_FIRST, EVENT_END, TONE), digit_reports(folder / "keys", plan.key_calls), strict=True
            ):
                delays.add(what, "ours", found, asked)
            tell(f"ours: {asked} keys by RFC 4733 and {asked} in band")
    return [row for what, budget in BUDGETS.items() if delays.has(what) for row in delays.rows(what, budget)]


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Prompt start, bridge delay, digit report.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--who", nargs="+", choices=SUBJECTS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a container must not be left behind
    plan = Plan.of(options.quick)
    if options.who:
        plan = replace(plan, who=tuple(options.who))
    print(table_of(measure(options.quick, print, plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
