"""Which (state, event) pairs change nothing, and why.

A flow asks its table after its own rules. A pair found nowhere is a bug (IllegalEventError); the tests that
walk every pair keep the tables and the rules complete, and free of entries that excuse nothing. The table
here is the callback's; those of the other flows stand beside their rules.
"""

from dataclasses import dataclass

from ivrcore.events import (
    CaptureFailed,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    TimerExpired,
)

BEFORE_B = ("CallingA", "PlayingPreVoice", "DrainingPreVoice")
AFTER_B = ("PlayingHint", "Talking")
ALIVE = (*BEFORE_B, "CallingB", *AFTER_B)
OVER = ("Releasing", "Ended")


@dataclass(frozen=True)
class Excuse:
    """In these states, an event of this kind that no rule took changes nothing."""

    states: tuple[str, ...]
    kind: type
    reason: str


IGNORED: tuple[Excuse, ...] = (
    Excuse(ALIVE, LegRang, "ringing repeats, and a party that answered rings no more"),
    Excuse(ALIVE, FailureAnnounced, "an announcement matters only while that party is called"),
    Excuse(ALIVE, EarlyMediaStarted, "A's early media reaches nobody; B's has been noted or overtaken"),
    Excuse(ALIVE, LegAnswered, "a retransmitted 200, or a leg that was never dialled"),
    Excuse(BEFORE_B, LegHungUp, "B has not been dialled: there is no such leg"),
    Excuse((*BEFORE_B, "CallingB"), MediaLost, "that party has not answered: its telephone owes no audio"),
    Excuse(ALIVE, PromptEnded, "a prompt that was stopped while its end was on its way"),
    Excuse(ALIVE, PromptFailed, "a prompt that is not waited for any more"),
    Excuse((*BEFORE_B, "CallingB", "PlayingHint"), CaptureFailed, "nothing is captured before the talk"),
    Excuse((*BEFORE_B, "CallingB", "PlayingHint"), DigitReceived, "nobody listens for keys before the talk"),
    Excuse(ALIVE, DigitsCollected, "a callback collects no digits"),
    Excuse(ALIVE, TimerExpired, "the timer was taken back while its expiry was on its way"),
    Excuse(OVER, LegRang, "the leg has been told to end"),
    Excuse(OVER, FailureAnnounced, "the leg has been told to end"),
    Excuse(OVER, EarlyMediaStarted, "the leg has been told to end"),
    Excuse(OVER, LegAnswered, "a 200 that crossed our CANCEL: the stack sends ACK and BYE"),
    Excuse(OVER, LegHungUp, "a second report, or one after the guard"),
    Excuse(OVER, MediaLost, "the leg has been told to end"),
    Excuse(OVER, PromptEnded, "the prompt ended with its leg"),
    Excuse(OVER, PromptFailed, "the prompt ended with its leg"),
    Excuse(OVER, CaptureFailed, "the capture has been finished"),
    Excuse(OVER, DigitReceived, "the bridge is closed"),
    Excuse(OVER, DigitsCollected, "a callback collects no digits"),
    Excuse(OVER, StopOrdered, "the call is ending already"),
    Excuse(OVER, TimerExpired, "the timer was taken back while its expiry was on its way"),
)


def excuse(state: object, event: Event) -> Excuse | None:
    """The entry that lets this pair of the callback pass, None when there is none."""
    return find(IGNORED, state, event)


def find(table: tuple[Excuse, ...], state: object, event: Event) -> Excuse | None:
    """The entry of a table that lets this pair pass, None when there is none."""
    name = type(state).__name__
    for entry in table:
        if name in entry.states and isinstance(event, entry.kind):
            return entry
    return None
