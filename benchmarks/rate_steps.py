"""The ramp of benchmarks/rate.py: rates that rise step by step, and whether a step's calls were in order.

Pure arithmetic: no clock, no sockets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

ACK_BOUND_S = 0.05
"""95 of 100 INVITEs of a step are acknowledged within it: the telephones answer at once."""
PROMPT_BOUND_S = 0.06
"""95 of 100 prompts of a step begin within it, counted from the 200."""
LEAST_OF_RATE = 0.97
LAST_LATE_S = 0.05
"""So much of the rate that was asked for must come, and the last call may be late besides: a caller that
cannot keep its pace has reached its limit."""
TELEPHONES_LATE = 0.02
"""More late packets of the telephones' own than this share, and a step that failed proves nothing."""


@dataclass(frozen=True)
class Step:
    """So many calls a second for some seconds."""

    rate: float
    seconds: float

    @property
    def calls(self) -> int:
        """How many it begins."""
        return round(self.rate * self.seconds)


@dataclass(frozen=True)
class Seen:
    """One call of a step, as its telephone saw it: moments in seconds, None for what did not happen.

    Attributes:
        prompt_packets: of the prompt, heard so far.
    """

    invited_s: float
    answered_s: float | None
    acked_s: float | None
    prompt_s: float | None
    prompt_packets: int


def ramp(first: float, growth: float, most: float, seconds: float) -> tuple[Step, ...]:
    """Steps from `first` calls a second on, each by a factor more, none above `most`."""
    steps = []
    rate = first
    while rate <= most:
        steps.append(Step(rate, seconds))
        rate *= growth
    return tuple(steps)


def moments_s(steps: Sequence[Step]) -> Iterator[float]:
    """When each call begins, from the first step's begin on."""
    begin_s = 0.0
    for step in steps:
        yield from (begin_s + n / step.rate for n in range(step.calls))
        begin_s += step.seconds


def faults(step: Step, calls: Sequence[Seen], prompt_packets: int) -> list[str]:
    """What was wrong with the calls of a step; nothing when it was carried.

    Args:
        calls: those that came, some time after the step's end.
        prompt_packets: of a whole prompt.
    """
    found = []
    if len(calls) < step.calls:
        found.append(f"{step.calls - len(calls)} of {step.calls} calls did not come")
    not_up = sum(call.acked_s is None for call in calls)
    if not_up:
        found.append(f"{not_up} of {step.calls} calls not set up")
    # The last packet may be cut by the hang-up.
    cut = sum(call.prompt_packets < prompt_packets - 1 for call in calls)
    if cut:
        found.append(f"{cut} of {step.calls} prompts not whole")
    if len(calls) > 1:
        took_s = calls[-1].invited_s - calls[0].invited_s
        if took_s - LAST_LATE_S > (len(calls) - 1) / (LEAST_OF_RATE * step.rate):
            found.append(f"{(len(calls) - 1) / took_s:.0f} calls/s came")
    for what, bound_s, delays_s in (
        ("INVITE to ACK", ACK_BOUND_S, [c.acked_s - c.invited_s for c in calls if c.acked_s is not None]),
        (
            "200 to prompt",
            PROMPT_BOUND_S,
            [c.prompt_s - c.answered_s for c in calls if c.prompt_s is not None and c.answered_s is not None],
        ),
    ):
        p95_s = float(np.percentile(delays_s, 95, method="higher")) if delays_s else 0.0
        if p95_s > bound_s:
            found.append(f"{what} p95 {1000 * p95_s:.0f} ms")
    return found
