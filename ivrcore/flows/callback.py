"""The callback: call A, then B, let them talk.

    start(request)              -> (state, commands)
    step(request, state, event) -> (state, commands)

The rules, their sources and their tolerances are in docs/media-behaviour.md; the state diagram beside
it is drawn from a walk over this function. Nothing here knows the time: timers are asked for and
come back as events.
"""

from dataclasses import replace
from typing import TypeAlias

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    Command,
    Dial,
    FinishRecording,
    LowerTalk,
    OpenBridge,
    PassEarlyMedia,
    Play,
    RelayDigit,
    Report,
    RestoreTalk,
    StartRecording,
    StartTimer,
    Status,
    Stop,
    Verdict,
)
from ivrcore.events import (
    CaptureFailed,
    DigitReceived,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    IllegalEventError,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    Party,
    Prompt,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows import release
from ivrcore.flows.callback_states import (
    CallingA,
    CallingB,
    DrainingPreVoice,
    Ended,
    Hears,
    PlayingHint,
    PlayingPreVoice,
    Releasing,
    State,
    Talking,
    answered,
)
from ivrcore.flows.excuses import excuse
from ivrcore.flows.release import (
    MEDIA_LOST,
    Q850_MEDIA_LOST,
    Q850_NO_ANSWER,
    RING_TIMED_OUT,
    first_leg_failed,
)
from ivrcore.request import CallbackRequest, CalleeMedia, WarnedParty

A, B = Party.A, Party.B

PRE_VOICE_DRAIN_MS = 60
"""Between the last sample of preVoice leaving and B's INVITE: three packets, what a telephone's jitter
buffer holds back. So B's telephone is not even rung before A has *heard* the last syllable."""

MINIMUM_TALK_MS = 3000
"""No recording of a shorter talk (FAQ 10.8)."""

WARNING_BEFORE_END_MS = 60_000
"""lastMinVoice comes one minute before the end (FAQ 6.2)."""

MINUTE_MS = 60_000


_PROMPT_OF = {Hears.WAIT_VOICE: Prompt.WAIT_VOICE, Hears.RINGBACK: Prompt.RINGBACK}


Step: TypeAlias = tuple[State, tuple[Command, ...]]


def start(request: CallbackRequest) -> Step:
    """Call A."""
    cue = Prompt.PRE_VOICE if request.play_pre_voice else Prompt.WAIT_VOICE if request.wait_voice else None
    return CallingA(), (
        StartTimer(Timer.RING, request.ring_timeout_s * 1000),
        Dial(A, at_answer=cue),
        Report(Status.CALLOUT, A),
    )


def step(request: CallbackRequest, state: State, event: Event) -> Step:
    """One event.

    Raises:
        IllegalEventError: the pair has neither a rule here nor a reason in flows.excuses.
    """
    if isinstance(event, StopOrdered) and not isinstance(state, Releasing | Ended):
        return _release(request, state, Verdict(StateCode.STOP_ORDERED))
    if isinstance(event, MediaLost) and event.party in answered(state):
        return _release(request, state, MEDIA_LOST, q850=Q850_MEDIA_LOST)
    following: Step | None = None
    match state:
        case CallingA():
            following = _calling_a(request, state, event)
        case PlayingPreVoice() | DrainingPreVoice():
            following = _pre_voice(request, state, event)
        case CallingB():
            following = _calling_b(request, state, event)
        case PlayingHint():
            following = _hint(request, state, event)
        case Talking():
            following = _talking(request, state, event)
        case Releasing():
            following = release.releasing(state, event)
    if following is not None:
        return following
    if excuse(state, event) is None:
        raise IllegalEventError(state, event)
    return state, ()


def _calling_a(request: CallbackRequest, state: CallingA, event: Event) -> Step | None:
    match event:
        case LegRang(Party.A) if not state.rang:
            return replace(state, rang=True), (Report(Status.ALERTING, A),)
        case EarlyMediaStarted(Party.A) if not state.rang and not state.announced:
            # A gateway may send ringing as early media alone; an announcement is no ringing.
            return replace(state, rang=True), (Report(Status.ALERTING, A),)
        case FailureAnnounced(Party.A):
            return replace(state, announced=True), ()
        case LegAnswered(Party.A):
            answered = (CancelTimer(Timer.RING), Report(Status.ANSWER, A))
            if request.play_pre_voice:
                return PlayingPreVoice(), answered
            waiting = request.wait_voice and not state.cue_failed
            return _call_b(request, answered, Hears.WAIT_VOICE if waiting else Hears.SILENCE)
        case PromptFailed(Party.A, Prompt.PRE_VOICE):
            return _release(request, state, Verdict(StateCode.PLAY_FAILED, ReleasePoint.PLAY_FAILED))
        case PromptFailed(Party.A, Prompt.WAIT_VOICE):
            return replace(state, cue_failed=True), ()
        case LegHungUp(Party.A, cause):
            return _release(request, state, first_leg_failed(cause, rang=state.rang), gone=A)
        case TimerExpired(Timer.RING):
            return _release(request, state, RING_TIMED_OUT, q850=Q850_NO_ANSWER)
    return None


def _pre_voice(
    request: CallbackRequest, state: PlayingPreVoice | DrainingPreVoice, event: Event
) -> Step | None:
    match state, event:
        case PlayingPreVoice(), PromptEnded(Party.A, Prompt.PRE_VOICE):
            return DrainingPreVoice(), (StartTimer(Timer.DRAIN, PRE_VOICE_DRAIN_MS),)
        case PlayingPreVoice(), PromptFailed(Party.A, Prompt.PRE_VOICE):
            return _release(request, state, Verdict(StateCode.PLAY_FAILED, ReleasePoint.PLAY_FAILED))
        case DrainingPreVoice(), TimerExpired(Timer.DRAIN):
            if not request.wait_voice:
                return _call_b(request, (), Hears.SILENCE)
            return _call_b(request, (Play(A, Prompt.WAIT_VOICE),), Hears.WAIT_VOICE)
        case _, LegHungUp(Party.A):
            verdict = Verdict(StateCode.FIRST_PARTY_GAVE_UP, ReleasePoint.FIRST_PARTY_LEFT, ended_by=A)
            return _release(request, state, verdict, gone=A)
    return None


def _call_b(request: CallbackRequest, before: tuple[Command, ...], hears: Hears) -> Step:
    return CallingB(hears), (
        *before,
        StartTimer(Timer.RING, request.ring_timeout_s * 1000),
        Dial(B),
        Report(Status.CALLOUT, B),
    )


def _calling_b(request: CallbackRequest, state: CallingB, event: Event) -> Step | None:
    match event:
        case LegRang(Party.B):
            return _what_a_hears(request, state, replace(state, rang=True))
        case FailureAnnounced(Party.B):
            return _what_a_hears(request, state, replace(state, announced=True))
        case EarlyMediaStarted(Party.B):
            # Ringing is what the network says (180) or what one hears: a gateway may send early media alone.
            rang = state.rang or not state.announced
            return _what_a_hears(request, state, replace(state, rang=rang, media=True))
        case LegAnswered(Party.B):
            return _b_answered(request, state)
        case LegHungUp(Party.B, cause):
            return _b_failed(request, state, cause.state_code, event)
        case LegHungUp(Party.A):
            point = (
                ReleasePoint.FIRST_PARTY_LEFT_WHILE_RINGING
                if state.rang
                else ReleasePoint.FIRST_PARTY_LEFT_BEFORE_RINGING
            )
            verdict = Verdict(StateCode.FIRST_PARTY_GAVE_UP, point, ended_by=A)
            return _release(request, state, verdict, gone=A)
        case PromptFailed(Party.A, Prompt.WAIT_VOICE | Prompt.RINGBACK as prompt):
            # A call is worth more than its music: A waits in silence.
            if _PROMPT_OF.get(state.hears) is prompt:
                return replace(state, hears=Hears.SILENCE), ()
            return state, ()
        case TimerExpired(Timer.RING):
            verdict = Verdict(StateCode.NO_ANSWER, ReleasePoint.RING_TIMEOUT)
            return _release(request, state, verdict, q850=Q850_NO_ANSWER)
    return None


def _what_a_hears(request: CallbackRequest, before: CallingB, now: CallingB) -> Step:
    """calleeMedia decides. Early media beats ringback, and nothing goes back once it is heard."""
    hears = before.hears
    rings = now.rang and not before.rang
    passes = request.callee_media is CalleeMedia.ALL or (
        request.callee_media is CalleeMedia.FAIL and now.announced
    )
    if now.media and passes:
        hears = Hears.EARLY_MEDIA
    elif rings and not now.media and request.callee_media is CalleeMedia.ALL:
        # At the first 180 only: a ringback that failed is not tried again at every repetition.
        hears = Hears.RINGBACK
    commands: list[Command] = []
    if rings:
        commands.append(Report(Status.ALERTING, B))
    if hears is not before.hears:
        commands += _stop_hearing(before.hears)
        if hears is Hears.RINGBACK:
            commands.append(Play(A, Prompt.RINGBACK))
        else:
            commands.append(PassEarlyMedia())
    return replace(now, hears=hears), tuple(commands)


def _stop_hearing(hears: Hears) -> list[Command]:
    return [Stop(A, _PROMPT_OF[hears])] if hears in _PROMPT_OF else []


def _b_answered(request: CallbackRequest, state: CallingB) -> Step:
    commands: list[Command] = [
        CancelTimer(Timer.RING),
        Report(Status.ANSWER, B),
        *_stop_hearing(state.hears),
    ]
    if request.max_duration_min:
        limit_ms = request.max_duration_min * MINUTE_MS
        commands += [
            StartTimer(Timer.LIMIT, limit_ms),
            StartTimer(Timer.WARNING, limit_ms - WARNING_BEFORE_END_MS),
        ]
    if request.record_hint:
        if state.hears is Hears.EARLY_MEDIA:
            commands.append(CloseBridge())
        return PlayingHint(), (*commands, Play(A, Prompt.RECORD_HINT), Play(B, Prompt.RECORD_HINT))
    return _open_talk(request, tuple(commands), warning_due=False)


def _b_failed(request: CallbackRequest, state: CallingB, code: int, event: LegHungUp) -> Step:
    if state.announced:
        code = StateCode.FAILURE_ANNOUNCEMENT
    point = ReleasePoint.NO_PORTS if code == StateCode.NO_PORTS else ReleasePoint.SECOND_LEG_FAILED
    return _release(request, state, Verdict(code, point, cause=event.cause), gone=B, q850=event.cause.q850)


def _hint(request: CallbackRequest, state: PlayingHint, event: Event) -> Step | None:
    match event:
        case PromptEnded(party, Prompt.RECORD_HINT) if party in state.waiting:
            waiting = state.waiting - {party}
            if waiting:
                return PlayingHint(waiting, state.warning_due), ()
            return _open_talk(request, (), state.warning_due)
        case PromptFailed(_, Prompt.RECORD_HINT):
            # Nobody is recorded without having been told.
            return _release(request, state, Verdict(StateCode.PLAY_FAILED, ReleasePoint.HINT_FAILED))
        case LegHungUp(party):
            point = (
                ReleasePoint.FIRST_PARTY_LEFT_IN_HINT
                if party is A
                else ReleasePoint.SECOND_PARTY_LEFT_IN_HINT
            )
            verdict = Verdict(StateCode.HUNG_UP_AFTER_CONNECT, point, ended_by=party)
            return _release(request, state, verdict, gone=party)
        case TimerExpired(Timer.WARNING):
            return PlayingHint(state.waiting, warning_due=True), ()
        case TimerExpired(Timer.LIMIT):
            return _release(request, state, Verdict(StateCode.MAX_DURATION))
    return None


def _open_talk(request: CallbackRequest, before: tuple[Command, ...], warning_due: bool) -> Step:
    commands: tuple[Command, ...] = (*before, OpenBridge())
    if request.record:
        commands += (StartRecording(), StartTimer(Timer.MINIMUM_TALK, MINIMUM_TALK_MS))
    if warning_due:
        talking, warning = _warn(request, Talking())
        return talking, commands + warning
    return Talking(), commands


def _warn(request: CallbackRequest, state: Talking) -> tuple[Talking, tuple[Command, ...]]:
    warned = {
        WarnedParty.A: frozenset({A}),
        WarnedParty.B: frozenset({B}),
        WarnedParty.BOTH: frozenset({A, B}),
    }[request.last_minute_to]
    commands: list[Command] = []
    for party in sorted(warned, key=lambda p: p.value):
        commands += [LowerTalk(party), Play(party, Prompt.LAST_MINUTE)]
    return Talking(warned, state.long_enough), tuple(commands)


def _talking(request: CallbackRequest, state: Talking, event: Event) -> Step | None:
    match event:
        case LegHungUp(party):
            verdict = Verdict(StateCode.HUNG_UP_AFTER_CONNECT, ended_by=party)
            return _release(request, state, verdict, gone=party)
        case TimerExpired(Timer.WARNING):
            return _warn(request, state)
        case TimerExpired(Timer.LIMIT):
            return _release(request, state, Verdict(StateCode.MAX_DURATION))
        case TimerExpired(Timer.MINIMUM_TALK):
            return Talking(state.warned, long_enough=True), ()
        case PromptEnded(party, Prompt.LAST_MINUTE) | PromptFailed(party, Prompt.LAST_MINUTE) if (
            party in state.warned
        ):
            return Talking(state.warned - {party}, state.long_enough), (RestoreTalk(party),)
        case CaptureFailed():
            verdict = Verdict(StateCode.RECORDING_FAILED, ReleasePoint.RECORDING_START_FAILED)
            return _release(request, Talking(state.warned, long_enough=False), verdict)
        case DigitReceived(party, digit):
            return state, (RelayDigit(party.other, digit),)
    return None


def _release(
    request: CallbackRequest, state: State, verdict: Verdict, *, gone: Party | None = None, q850: int = 16
) -> Step:
    """End what is open of the talk, then the legs that were called."""
    commands: list[Command] = []
    if isinstance(state, Talking):
        if request.record:
            commands.append(FinishRecording(keep=state.long_enough))
        commands.append(CloseBridge())
    if isinstance(state, CallingB) and state.hears is Hears.EARLY_MEDIA:
        commands.append(CloseBridge())
    dialled = (A,) if isinstance(state, CallingA | PlayingPreVoice | DrainingPreVoice) else (A, B)
    open_legs = tuple(party for party in dialled if party is not gone)
    return release.release(verdict, open_legs, before=tuple(commands), q850=q850)
