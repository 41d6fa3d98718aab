"""When an end-to-end test may be tried again, and how often that may happen in a run.

Such a test holds a telephone call in real time, to tens of milliseconds, on a machine that is shared: a
packet that a test's own telephone sends late is a key or a frame lost, and no fault of the core's. What the
machine did is measured where it can be (tests/e2e/callback/starvation.py), but not every cause is in sight.
So whatever fails is tried once more, alone, and again when its processes were seen to starve. A fault of the
core's comes back; one that comes back seldom shows in the list at the end of every run, and a run with more
second tries than `most()` has failed whatever they came to.
"""

from tests.e2e.callback.starvation import STARVED_S

ATTEMPTS = 3
SHARE = 0.02

TRIES: list[str] = []
"""Of this run: what was tried again, and why."""


def may_try_again(what: str, error: BaseException, starved_s: float, attempt: int) -> bool:
    """Whether `what`, which failed at its attempt 0, 1, …, has another one; noted for the end of the run."""
    allowed = attempt == 0 or (starved_s >= STARVED_S and attempt < ATTEMPTS - 1)
    if allowed:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        TRIES.append(f"{what}: {starved_s * 1000:.0f} ms without a CPU, tried again after: {first_line}")
    return allowed


def most(tests: int) -> int:
    """Second tries that a run of that many tests may have."""
    return max(3, round(SHARE * tests))
