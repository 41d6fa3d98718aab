"""A call's history in a person's words, one line an entry."""

from ivrcore.cdr import CallRecord, Entry, LegRecord
from ivrcore.codes import StateCode
from ivrcore.commands import (
    CloseCall,
    Collect,
    Dial,
    FinishRecording,
    HangUp,
    OpenBridge,
    PassEarlyMedia,
    Play,
    StartRecording,
    Stop,
)
from ivrcore.events import (
    CaptureFailed,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.release import Q850_MEDIA_LOST
from sip.cause import HangupCause


def describe(entry: Entry) -> str | None:
    """What happened, None for what only a developer wants to know. Never shows a digit."""
    match entry.what:
        case Dial(party, cue):
            return f"{party.value} is called" + (f", {cue.value} ready for the answer" if cue else "")
        case LegRang(party):
            return f"{party.value} rings"
        case EarlyMediaStarted(party):
            return f"{party.value} sends early media"
        case FailureAnnounced(party):
            return f"{party.value} announces a failure"
        case LegAnswered(party):
            return f"{party.value} answered"
        case Play(party, prompt):
            return f"{prompt.value} starts for {party.value}"
        case Stop(party, prompt):
            return f"{prompt.value} stops for {party.value}"
        case PromptEnded(party, prompt):
            return f"{prompt.value} ended for {party.value}"
        case PromptFailed(party, prompt):
            return f"{prompt.value} could not be played to {party.value}"
        case PassEarlyMedia():
            return "A hears B's early media"
        case OpenBridge():
            return "A and B hear each other"
        case StartRecording():
            return "recording starts"
        case FinishRecording(keep):
            return "recording ends" if keep else "recording is dropped"
        case CaptureFailed():
            return "recording failed"
        case TimerExpired(Timer.LIMIT):
            return "the time is up"
        case TimerExpired(Timer.WARNING):
            return "one minute is left"
        case TimerExpired(Timer.RING):
            return "ringing timed out"
        case DigitReceived(party):
            return f"{party.value} pressed a key"
        case Collect(party, length):
            return f"{party.value} may press up to {_keys(length)}"
        case DigitsCollected(party, digits):
            return (
                f"{_keys(len(digits))} of {party.value} collected"
                if digits
                else f"no key of {party.value} in time"
            )
        case StopOrdered():
            return "the call is stopped from outside"
        case MediaLost(party):
            return f"nothing comes from {party.value} any more"
        case HangUp(party):
            return f"{party.value} is hung up"
        case LegHungUp(party, _, by_remote):
            return f"{party.value} hung up" if by_remote else f"{party.value} is released"
        case CloseCall(verdict):
            return f"the call is over, stateCode {verdict.state_code}"
    return None


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"


def explain_failure(record: CallRecord) -> str:
    """Why nobody could talk, or A did not get all of it, in one line: the party, the network's word, and
    what to look at."""
    if record.a.answered_at_s is None:
        return _not_reached(record, "A", record.a)
    for party, leg in (("A", record.a), ("B", record.b)):
        if leg is not None and leg.answered_at_s is not None and leg.q850 == Q850_MEDIA_LOST:
            return f"nothing came from {party} ({leg.number}) any more, neither RTP nor RTCP"
    if record.b is None:
        return {
            StateCode.NO_DIGITS: "A pressed no key in time",
            StateCode.PLAY_FAILED: "a sound could not be played",
            StateCode.STOP_ORDERED: "it was stopped from outside",
        }.get(StateCode(record.verdict.state_code), f"stateCode {record.verdict.state_code}")
    return _not_reached(record, "B", record.b)


def _not_reached(record: CallRecord, party: str, leg: LegRecord) -> str:
    number = leg.number
    if record.verdict.ended_by is not None:
        return f"{record.verdict.ended_by.value} gave up before B answered"
    if leg.q850 == 0 or leg.ended_at_s is None:
        return f"{party} ({number}) was not reached"
    meaning = HangupCause(leg.q850).meaning
    hint = {
        401: ": the trunk refused the user or password",
        403: ": the trunk or the party forbids the call",
        407: ": the trunk refused the user or password",
        408: ": nothing answered there; is the trunk up, and its address right?",
        503: ": is the trunk up, and has the engine a free call?",
    }.get(leg.sip_status, "")
    status = f"SIP {leg.sip_status}, " if leg.sip_status else ""
    if record.verdict.state_code == 8003 or record.verdict.state_code == 8101:
        return f"{party} ({number}) did not answer in time"
    return f"{party} ({number}) failed: {status}Q.850 {leg.q850} {meaning}{hint}"
