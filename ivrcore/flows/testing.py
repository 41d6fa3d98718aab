"""A callback driven by hand, for tests: event by event, with the common ways to each state.

The doubles of a whole world of telephones on a virtual clock are in flows.world.
"""

from dataclasses import replace

from ivrcore.codes import StateCode
from ivrcore.commands import (
    CloseBridge,
    Command,
    Dial,
    HangUp,
    PassEarlyMedia,
    Play,
    StartTimer,
    Stop,
    Verdict,
)
from ivrcore.events import (
    Cause,
    Event,
    LegAnswered,
    Party,
    Prompt,
    PromptEnded,
    Timer,
    TimerExpired,
)
from ivrcore.flows.callback import start, step
from ivrcore.flows.callback_states import Ended, Releasing, State
from ivrcore.request import CallbackRequest

A, B = Party.A, Party.B

PLAIN = CallbackRequest("8001", "8002", "8100", "8200")

NORMAL = Cause(16, 0, StateCode.HUNG_UP_AFTER_CONNECT)
BUSY = Cause(17, 486, StateCode.BUSY)
NO_PORTS = Cause(47, 503, StateCode.NO_PORTS)

PRE_VOICE_ENDED = PromptEnded(A, Prompt.PRE_VOICE)
DRAINED = TimerExpired(Timer.DRAIN)
HINT_OF_A_ENDED = PromptEnded(A, Prompt.RECORD_HINT)
HINT_OF_B_ENDED = PromptEnded(B, Prompt.RECORD_HINT)


class Call:
    """A callback, driven event by event.

    Attributes:
        state: where it stands.
        last: what the last event made it order.
        ordered: all it ever ordered, in order.
    """

    def __init__(self, request: CallbackRequest) -> None:
        self._request = request
        self.state: State
        self.state, self.last = start(request)
        self.ordered: list[Command] = [*self.last]

    def after(self, *events: Event) -> "Call":
        """The same call, some events later."""
        for event in events:
            self.state, self.last = step(self._request, self.state, event)
            self.ordered += self.last
        return self

    def idle(self) -> bool:
        """Whether the last event made it order nothing."""
        return not self.last

    @property
    def verdict(self) -> Verdict:
        """How it ended, or is about to."""
        assert isinstance(self.state, Releasing | Ended)
        return self.state.verdict

    def hangups(self) -> list[HangUp]:
        """The hang-ups the last event made it order."""
        return [command for command in self.last if isinstance(command, HangUp)]

    def index(self, command: Command) -> int:
        """When it ordered this, counted in commands; it must have been ordered exactly once."""
        times = self.ordered.count(command)
        assert times == 1, f"{command} was ordered {times} times"
        return self.ordered.index(command)

    def a_hears(self) -> str:
        """What A hears, of the platform or of B before B's answer, from the commands alone."""
        heard = "silence"
        for command in self.ordered:
            match command:
                case Dial(Party.A, at_answer=Prompt() as prompt) | Play(Party.A, prompt):
                    assert heard == "silence", f"{prompt.value} over {heard}"
                    heard = prompt.value
                case StartTimer(Timer.DRAIN) | CloseBridge():
                    heard = "silence"
                case Stop(Party.A, prompt):
                    assert heard == prompt.value, f"{prompt.value} is stopped, A hears {heard}"
                    heard = "silence"
                case PassEarlyMedia():
                    assert heard == "silence", f"early media over {heard}"
                    heard = "early media"
        return heard


def calling_a(request: CallbackRequest) -> Call:
    """A's telephone is called."""
    return Call(request)


def playing_pre_voice(request: CallbackRequest) -> Call:
    """A answered and hears preVoice, asked for or not."""
    return calling_a(replace(request, play_pre_voice=True)).after(LegAnswered(A))


def draining_pre_voice(request: CallbackRequest) -> Call:
    """PreVoice left; A's telephone still plays it."""
    return playing_pre_voice(request).after(PRE_VOICE_ENDED)


def calling_b(request: CallbackRequest) -> Call:
    """B's telephone is called, after preVoice if asked for."""
    call = calling_a(request).after(LegAnswered(A))
    return call.after(PRE_VOICE_ENDED, DRAINED) if request.play_pre_voice else call


def playing_hint(request: CallbackRequest) -> Call:
    """B answered and both hear the hint, asked for or not."""
    return calling_b(replace(request, record=True, record_hint=True)).after(LegAnswered(B))


def talking(request: CallbackRequest) -> Call:
    """The bridge is open, after the hint if asked for."""
    call = calling_b(request).after(LegAnswered(B))
    return call.after(HINT_OF_A_ENDED, HINT_OF_B_ENDED) if request.record_hint else call
