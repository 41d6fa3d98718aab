"""What must come of a cell, derived from the rules of docs/media-behaviour.md on an ideal clock.

A second and independent telling of the rules: it knows nothing of the product's flow, and works on the
robots' schedules where the flow works on events. Numbers in brackets are the rules' own. Left out: how
exactly reality has to keep to the ideal times; the test decides that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from tests.e2e.asterisk.cells import MINUTE_S, Cell
from tests.e2e.asterisk.robots import IN_BAND, Refusal, Robot
from tests.e2e.callback.sounds import HINT, LENGTH_S, PRE_VOICE, RINGBACK, WAIT_VOICE, WARNING

PRE_VOICE_TAIL_S = 0.085
"""From the last sample of preVoice to B's INVITE: 60 to 110 ms (2.3)."""

SHORTEST_RECORDED_S = 3.0
NO_PORTS, NO_PORTS_POINT = 7109, 522
"""Too few voice ports: ours, or the trunk's (Q.850 34, no circuit)."""

TOO_SHORT = "the talk was shorter than 3.000 s"
NO_TALK = "the call ended before the talk"
TALK_OPENS = "A and B hear each other"
TALK_OF = {"A": "talk of A", "B": "talk of B"}


@dataclass(frozen=True)
class Moment:
    """Something the call's history tells, in seconds since A's INVITE, in the words of `ivrcore call`."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Span:
    """A stretch of one sound at a party's ear.

    Attributes:
        sound: its name; several stretches of one sound that follow each other are one span.
        begins, ends: the moments of the history that bound it; it begins `after_s` the former, and ends by
            itself after `length_s`, if that is sooner.
        spoken_since: the moment at which a party began to say it, "" where the history does not tell.
    """

    sound: str
    begins: str
    ends: str
    length_s: float = inf
    after_s: float = 0.0
    spoken_since: str = ""


@dataclass(frozen=True)
class LegEnd:
    """A leg in the end-of-call record."""

    answered: bool
    rang: bool
    q850: int
    sip: int


@dataclass
class Expectation:
    """All that a cell must come to."""

    history: list[Moment] = field(default_factory=list)
    verdict: tuple[int, int, str] = (0, 0, "platform")
    legs: dict[str, LegEnd | None] = field(default_factory=dict)
    hears: dict[str, list[Span]] = field(default_factory=lambda: {"A": [], "B": []})
    key_events: dict[str, str] = field(default_factory=lambda: {"A": "", "B": ""})
    key_tones: dict[str, str] = field(default_factory=lambda: {"A": "", "B": ""})
    recording: str | float | None = None
    """None: not ordered; a text: why there is no file; a number: seconds of talk in the file."""
    rings_a: bool = False
    """Whether A hears our ringback: the network's own ring tone sounds the same."""
    reason_to: dict[str, int] = field(default_factory=dict)
    """Q.850 cause that our BYE or CANCEL to a party carries."""

    @property
    def length_s(self) -> float:
        """From the first moment to the last."""
        return self.history[-1].at_s


def expect(cell: Cell) -> Expectation:
    """What must come of a cell."""
    return _Derivation(cell).made()


class _Derivation:
    """The ideal times of one cell; `made` turns them into an expectation."""

    def __init__(self, cell: Cell) -> None:
        self.cell, a, b = cell, cell.a, cell.b
        self.a_answers_s = a.answer_s if a.answer_s <= cell.ring_timeout_s else inf
        tail_s = LENGTH_S[PRE_VOICE] + PRE_VOICE_TAIL_S if cell.pre_voice else 0.0
        self.b_called_s = self.a_answers_s + tail_s  # 2.3, 2.4
        self.b_answers_s = self.b_called_s + (b.answer_s if b.answer_s <= cell.ring_timeout_s else inf)
        self.talk_s = self.b_answers_s + (LENGTH_S[HINT] if cell.hint else 0.0)  # 4.2, 4.4
        self.warning_s = self.limit_s = inf
        if cell.limit_min:
            self.limit_s = self.b_answers_s + cell.limit_min * MINUTE_S  # 5.1
            self.warning_s = max(self.limit_s - MINUTE_S, self.talk_s)
        self.a_refuses_s = inf if a.refuses is None else a.final_s
        self.b_refuses_s = inf if b.refuses is None else self.b_called_s + b.final_s
        self.a_leaves_s = self.a_answers_s + a.stays_s
        self.b_leaves_s = self.b_answers_s + b.stays_s
        self.a_times_out_s = inf if self.a_answers_s < inf else float(cell.ring_timeout_s)
        self.b_times_out_s = inf if self.b_answers_s < inf else self.b_called_s + cell.ring_timeout_s
        self.end_s, self.end = min(
            (self.a_refuses_s, "A is refused"),
            (self.a_times_out_s, "A times out"),
            (self.a_leaves_s, "A leaves"),
            (self.b_refuses_s, "B is refused"),
            (self.b_times_out_s, "B times out"),
            (self.b_leaves_s, "B leaves"),
            (self.limit_s, "limit"),
        )

    def made(self) -> Expectation:
        expected = Expectation(hears={"A": list(self._a_hears()), "B": list(self._b_hears())})
        before = [moment for moment in self._happens() if moment.at_s < self.end_s]
        before.sort(key=lambda moment: moment.at_s)
        code, point, by = self._verdict(before)
        expected.verdict = (code, point, by)
        ending = [*self._ending(), f"the call is over, stateCode {code}"]
        expected.history = [*before, *(Moment(self.end_s, text) for text in ending)]
        expected.legs = {"A": self._leg("A", before), "B": self._leg("B", before)}
        expected.recording = self._recording()
        expected.rings_a = any(
            span.sound == RINGBACK and span.begins == "B rings" for span in expected.hears["A"]
        )
        for party in "AB":
            self._keys(party, expected)
        for released in ("A", "B"):
            if f"{released} is hung up" in ending:
                expected.reason_to[released] = self._reason()
        return expected

    # -- the history ----------------------------------------------------------------------------------------

    def _happens(self) -> Iterator[Moment]:
        """Everything that would happen if the call went on for ever."""
        yield Moment(0.0, "A is called")
        yield from self._before_answer("A", self.cell.a, 0.0)
        yield Moment(self.a_answers_s, "A answered")
        yield from self._presses("A", self.cell.a, self.a_answers_s)
        if self.b_called_s == inf:
            return
        yield Moment(self.b_called_s, "B is called")
        yield from self._before_answer("B", self.cell.b, self.b_called_s)
        yield Moment(self.b_answers_s, "B answered")
        yield from self._presses("B", self.cell.b, self.b_answers_s)
        yield Moment(self.talk_s, TALK_OPENS)
        # A warning that falls into the hint is told when it is due, and played as soon as the bridge opens.
        yield Moment(max(self.limit_s - MINUTE_S, self.b_answers_s), "one minute is left")

    @staticmethod
    def _before_answer(party: str, robot: Robot, called_s: float) -> Iterator[Moment]:
        for at_s, act in robot.acts():
            yield Moment(
                called_s + at_s, f"{party} rings" if act == "rings" else f"{party} sends early media"
            )

    @staticmethod
    def _presses(party: str, robot: Robot, answered_s: float) -> Iterator[Moment]:
        if robot.mode != IN_BAND:
            for at_s in robot.pressed_s():
                yield Moment(answered_s + at_s, f"{party} pressed a key")

    def _ending(self) -> list[str]:
        """The last words of the history; A is released first."""
        match self.end:
            case "A is refused":
                return ["A hung up"]
            case "A times out":
                return ["ringing timed out", "A is hung up", "A is released"]
            case "A leaves" if self.end_s < self.b_called_s:
                return ["A hung up"]
            case "A leaves":
                return ["A hung up", "B is hung up", "B is released"]
            case "B is refused" | "B leaves":
                return ["B hung up", "A is hung up", "A is released"]
        first = "ringing timed out" if self.end == "B times out" else "the time is up"
        return [first, "A is hung up", "B is hung up", "A is released", "B is released"]

    # -- the record -----------------------------------------------------------------------------------------

    def _verdict(self, before: list[Moment]) -> tuple[int, int, str]:
        """stateCode, release point, who ended it (1.3, 1.4, 5.1, 6.3 to 6.5)."""
        rang = {party: _rang(party, before) for party in "AB"}
        match self.end:
            case "A is refused":
                assert self.cell.a.refuses is not None
                code, point = self.cell.a.refuses.state_code, 520 if rang["A"] else 519
                return code, NO_PORTS_POINT if code == NO_PORTS else point, "platform"
            case "A times out":
                return 8003, 514, "platform"
            case "B is refused":
                assert self.cell.b.refuses is not None
                code = self.cell.b.refuses.state_code
                return code, NO_PORTS_POINT if code == NO_PORTS else 518, "platform"
            case "B times out":
                return 8101, 514, "platform"
            case "limit":
                return 8010, 0, "platform"
        party = self.end[0]
        if self.end_s < self.b_called_s:
            return 8009, 530, party
        if self.end_s < self.b_answers_s:
            return 8009, 552 if rang["B"] else 553, party
        if self.end_s < self.talk_s:
            return 0, 539 if party == "A" else 540, party
        return 0, 0, party

    def _leg(self, party: str, before: list[Moment]) -> LegEnd | None:
        """None for a party that was never called."""
        texts = [moment.text for moment in before]
        if f"{party} is called" not in texts:
            return None
        answered, rang = f"{party} answered" in texts, _rang(party, before)
        refusal = self._refusal() if self.end == f"{party} is refused" else None
        if refusal is not None:
            return LegEnd(answered, rang, refusal.on_record, refusal.sip)
        if answered:
            return LegEnd(answered, rang, 16, 0)
        # What we gave up with: nobody answered, or normal clearing (RFC 3398 section 8.2.6.1).
        return LegEnd(answered, rang, self._reason(), 480 if self.end.endswith("times out") else 487)

    def _refusal(self) -> Refusal | None:
        return self.cell.a.refuses if self.end == "A is refused" else self.cell.b.refuses

    def _reason(self) -> int:
        """The cause we hang up with: why the other leg failed, that nobody answered, or normal clearing."""
        if self.end == "B is refused":
            refusal = self._refusal()
            assert refusal is not None
            return refusal.on_record
        return 19 if self.end in ("A times out", "B times out") else 16

    def _recording(self) -> str | float | None:
        if not self.cell.record:
            return None
        if self.end_s <= self.talk_s:
            return NO_TALK
        talk_s = self.end_s - self.talk_s
        return talk_s if talk_s >= SHORTEST_RECORDED_S else TOO_SHORT  # 8.1, 8.2

    # -- what is heard --------------------------------------------------------------------------------------

    def _a_hears(self) -> Iterator[Span]:
        ends = self._end_text()
        if self.cell.pre_voice and self.a_answers_s < self.end_s:  # 2.1
            yield Span(PRE_VOICE, "A answered", ends, LENGTH_S[PRE_VOICE])
        yield from self._a_waits()
        yield from self._talk("A")

    def _a_waits(self) -> Iterator[Span]:
        """What A hears while B is called (3.1 to 3.6)."""
        until_s = min(self.b_answers_s, self.end_s)
        if self.b_called_s >= until_s:
            return
        sounds: list[tuple[float, str, str]] = [(self.b_called_s, "B is called", WAIT_VOICE)]
        if self.cell.media == "all":
            # No 183 of this testbed has a Reason header, so `fail` has nothing to pass on (3.5).
            for at_s, act in self.cell.b.acts():
                text, sound = ("B rings", RINGBACK) if act == "rings" else ("B sends early media", act)
                if self.b_called_s + at_s < until_s:
                    sounds.append((self.b_called_s + at_s, text, sound))
        last = "B answered" if self.b_answers_s < self.end_s else self._end_text()
        ends = [*sounds[1:], (until_s, last, "")]
        for (_, begins, sound), (_, stops, _) in zip(sounds, ends, strict=True):
            yield Span(sound, begins, stops)

    def _b_hears(self) -> Iterator[Span]:
        yield from self._talk("B")

    def _talk(self, party: str) -> Iterator[Span]:
        """From B's answer on: the hint, the other party, the warning on top of it."""
        ends = self._end_text()
        if self.cell.hint and self.b_answers_s < self.end_s:
            yield Span(HINT, "B answered", ends, LENGTH_S[HINT])
        if self.talk_s < self.end_s:
            yield from self._other(party)
        if self.warning_s < self.end_s and self.cell.warned in ("both", f"to{party.lower()}"):
            text = "one minute is left" if self.warning_s > self.talk_s else TALK_OPENS
            yield Span(WARNING, text, ends, LENGTH_S[WARNING])

    def _other(self, party: str) -> Iterator[Span]:
        other = "B" if party == "A" else "A"
        robot = self.cell.b if other == "B" else self.cell.a
        me = self.cell.a if party == "A" else self.cell.b
        speaks_s = (self.b_answers_s if other == "B" else self.a_answers_s) + _silent_s(robot)
        if robot.says == "signal" and speaks_s < self.end_s:
            at_once = speaks_s <= self.talk_s
            yield Span(
                TALK_OF[other],
                TALK_OPENS if at_once else f"{other} answered",
                self._end_text(),
                after_s=0.0 if at_once else _silent_s(robot),
                spoken_since="" if robot.keys else f"{other} answered",
            )
        elif robot.says == "echo" and me.says == "signal":
            yield Span(TALK_OF[party], TALK_OPENS, self._end_text())

    def _end_text(self) -> str:
        return self._ending()[0]

    # -- keys -----------------------------------------------------------------------------------------------

    def _keys(self, party: str, expected: Expectation) -> None:
        """What reaches the other party of the keys that this one presses (7.1, 7.2)."""
        robot, other = (self.cell.a, "B") if party == "A" else (self.cell.b, "A")
        far = self.cell.b if party == "A" else self.cell.a
        answered_s = self.a_answers_s if party == "A" else self.b_answers_s
        pressed = zip(robot.keys, robot.pressed_s(), strict=True)
        crossing = "".join(key for key, at_s in pressed if self.talk_s < answered_s + at_s < self.end_s)
        if robot.mode != IN_BAND and far.mode == IN_BAND:
            # Tones go to a telephone without events; Asterisk's receiver takes them out of what it hears.
            expected.key_events[other] = crossing
        elif robot.mode == IN_BAND or far.mode != "rfc4733":
            expected.key_tones[other] = crossing
        else:
            expected.key_events[other] = crossing


def _rang(party: str, before: list[Moment]) -> bool:
    return any(moment.text in (f"{party} rings", f"{party} sends early media") for moment in before)


def _silent_s(robot: Robot) -> float:
    """From a robot's answer to its first word: it presses its keys before."""
    return robot.after_s + 2 * len(robot.keys) * robot.key_ms / 1000 if robot.keys else 0.0
