"""Notifications in a world of telephones that do as they please: what holds in every history.

How many histories are tried is half of IVRCORE_HISTORIES in the environment, of 10,000 by default: the
flow has fewer ways than the callback's.
"""

import os
from dataclasses import dataclass
from functools import partial
from typing import get_args

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ivrcore.commands import Report, Status
from ivrcore.events import Content, Party, Playable
from ivrcore.flows import notification
from ivrcore.flows.circumstances import Circumstances
from ivrcore.flows.world import live
from ivrcore.request import NotificationElement, NotificationRequest
from tests.property.one_leg_ledger import COLLECTIONS, FATES, SELDOM, Ledger, Seen, telephones

HISTORIES = int(os.environ.get("IVRCORE_HISTORIES", "10000")) // 2
ENOUGH_TO_JUDGE = 2500

ELEMENTS = st.builds(
    NotificationElement,
    collect=st.sampled_from((0, 0, 1, 2, 32)),
    replay=st.booleans(),
    trigger=st.sampled_from(("", "1", "12")),
)
REQUESTS = st.builds(
    NotificationRequest,
    callee=st.just("8001"),
    display=st.just("8100"),
    elements=st.lists(ELEMENTS, min_size=1, max_size=5).map(tuple),
    ring_timeout_s=st.sampled_from((60, 60, 5, 1)),
    max_replays=st.sampled_from((0, 1, 10)),
)


@dataclass(frozen=True)
class Call:
    """One notification and its circumstances."""

    request: NotificationRequest
    circumstances: Circumstances


def calls() -> st.SearchStrategy[Call]:
    circumstances = st.builds(
        Circumstances,
        telephones=st.fixed_dictionaries({Party.A: telephones(hangs_up=False)}),
        prompts=st.fixed_dictionaries({(Party.A, Content(element)): FATES for element in range(5)}),
        collections=COLLECTIONS,
        stop_ms=SELDOM,
        stale_timers=st.booleans(),
    )
    return st.builds(Call, REQUESTS, circumstances)


def score(request: NotificationRequest, digits: list[str]) -> list[Playable]:
    """The contents in the order in which A begins to hear them, from what A pressed, if nobody hangs up."""
    heard: list[Playable] = []
    pressed = iter(digits)
    for number, element in enumerate(request.elements):
        replays = 0
        while True:
            heard.append(Content(number))
            if not element.collect:
                break
            answer = next(pressed, None)
            if not answer:
                return heard
            if element.trigger:
                again = answer == element.trigger
            else:
                again = element.replay and replays < request.max_replays
            if not again:
                break
            replays += 1
    return heard


def judge(call: Call, ledger: Ledger) -> None:
    """What this service promises of the whole call."""
    expected = score(call.request, ledger.collected)
    # A hang-up may come anywhere; what was heard until then is the beginning of what was due.
    assert ledger.begun == expected[: len(ledger.begun)]
    assert ledger.heard == ledger.begun[: len(ledger.heard)]
    if ledger.drained_ms is not None:
        assert ledger.heard == expected
    told = [report.digits for report in ledger.reports if report.status is Status.COLLECT_INFO]
    assert told == [digits for digits in ledger.collected if digits]
    assert Report(Status.DISCONNECT) in ledger.reports


def test_every_history_keeps_the_rules() -> None:
    seen = Seen()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(call=calls())
    def keeps_the_rules(call: Call) -> None:
        ledger = Ledger(call.request.ring_timeout_s)
        step = partial(notification.step, call.request)
        for entry in live(call.circumstances, notification.start(call.request), step):
            note(entry)
            ledger.read(entry)
            seen.take(entry, over=ledger.released_ms is not None)
        ledger.finish()
        judge(call, ledger)
        seen.end(ledger.reason)

    keeps_the_rules()
    if HISTORIES >= ENOUGH_TO_JUDGE:
        seen.judge(states={kind.__name__ for kind in get_args(notification.State)}, collects=True)
