"""Verification calls in a world of telephones that do as they please: what holds in every history.

How many histories are tried is a quarter of IVRCORE_HISTORIES in the environment, of 10,000 by default: the
flow has fewer ways than the callback's.
"""

import os
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, repeat
from typing import get_args

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ivrcore.events import LegHungUp, Party, Playable, Spoken
from ivrcore.flows import verification
from ivrcore.flows.circumstances import Circumstances
from ivrcore.flows.world import live
from ivrcore.request import VerificationRequest
from tests.property.one_leg_ledger import FATES, SELDOM, Ledger, Seen, telephones

HISTORIES = int(os.environ.get("IVRCORE_HISTORIES", "10000")) // 4
ENOUGH_TO_JUDGE = 2500


@dataclass(frozen=True)
class Call:
    """One verification and its circumstances."""

    request: VerificationRequest
    circumstances: Circumstances


def circumstances(times: int) -> st.SearchStrategy[Circumstances]:
    # A code without end needs a telephone that ends it, and takes its time to be spoken.
    endless = times == 0
    codes = FATES.filter(lambda fate: fate.length_ms >= 1000) if endless else FATES
    return st.builds(
        Circumstances,
        telephones=st.fixed_dictionaries({Party.A: telephones(hangs_up=endless)}),
        prompts=st.fixed_dictionaries(
            {(Party.A, sound): codes if sound is Spoken.CODE else FATES for sound in Spoken}
        ),
        stop_ms=SELDOM,
        stale_timers=st.booleans(),
    )


def calls_of(times: int) -> st.SearchStrategy[Call]:
    requests = st.builds(
        VerificationRequest,
        callee=st.just("8001"),
        display=st.just("8100"),
        code=st.just("480213"),
        has_pre_tone=st.booleans(),
        has_pos_tone=st.booleans(),
        times=st.just(times),
        ring_timeout_s=st.sampled_from((60, 60, 5, 1)),
    )
    return st.builds(Call, requests, circumstances(times))


def judge(request: VerificationRequest, ledger: Ledger) -> None:
    """What this service promises of the whole call."""
    codes = repeat(Spoken.CODE, request.times) if request.times else repeat(Spoken.CODE)
    pre, pos = [Spoken.PRE_TONE] * request.has_pre_tone, [Spoken.POS_TONE] * request.has_pos_tone
    due = chain(pre, codes, pos)
    expected: list[Playable] = [*islice(due, len(ledger.begun))]
    assert ledger.begun == expected
    assert ledger.heard == ledger.begun[: len(ledger.heard)]
    if ledger.drained_ms is not None:
        assert request.times, "a code without end came to its end"
        assert ledger.heard == [*pre, *[Spoken.CODE] * request.times, *pos]
    elif request.times == 0 and ledger.answered_ms is not None and len(ledger.heard) > 2:
        assert not isinstance(ledger.reason, LegHungUp) or ledger.closed[0].verdict.ended_by is Party.A


def test_every_history_keeps_the_rules() -> None:
    seen = Seen()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(call=st.sampled_from((0, 1, 2, 3, 9)).flatmap(calls_of))
    def keeps_the_rules(call: Call) -> None:
        ledger = Ledger(call.request.ring_timeout_s)
        step = partial(verification.step, call.request)
        for entry in live(call.circumstances, verification.start(call.request), step):
            note(entry)
            ledger.read(entry)
            seen.take(entry, over=ledger.released_ms is not None)
        ledger.finish()
        judge(call.request, ledger)
        seen.end(ledger.reason)

    keeps_the_rules()
    if HISTORIES >= ENOUGH_TO_JUDGE:
        seen.judge(states={kind.__name__ for kind in get_args(verification.State)}, collects=False)
