"""How a robot subscriber of the testbed behaves in one call, and that in docker/asterisk's parameters.

A robot is described by what its telephone does, in seconds of its own: from its INVITE to its final response
(`acts`), and from its answer on. The description goes into AstDB under a number of the call's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from tests.e2e.callback.sounds import RINGBACK

ANNOUNCEMENT_S = 4.08
"""The testbed's failure announcement: special information tone and three seconds of talk."""

AT_ONCE_S = 0.005
"""What Asterisk needs for a response, and what keeps two moments of the ideal clock apart."""

SECOND_PROGRESS_S = 1.0
"""In `ringing+music`, from the first to the second."""

EARLY_SOUND = {"tone": RINGBACK, "music": "music", "announcement": "announcement"}
"""What a progress sounds like; the others are silent. The network's tone has the ringback's level too."""

IN_BAND = "inband"


@dataclass(frozen=True)
class Refusal:
    """How a call is refused.

    Attributes:
        q850, sip: cause and status that the testbed sends; 0 for a status without a cause.
        state_code: the service's hang-up cause for it; 8001 where its appendix has no nearer one.
        on_record: the Q.850 cause of the leg's record; RFC 3398 where the network sent none.
    """

    q850: int
    sip: int
    state_code: int
    on_record: int


def _by_cause(q850: int, sip: int, state_code: int) -> Refusal:
    return Refusal(q850, sip, state_code, q850)


UNALLOCATED = _by_cause(1, 404, 8100)
BUSY = _by_cause(17, 486, 8102)
NO_RESPONSE = _by_cause(18, 408, 8103)
NO_ANSWER = _by_cause(19, 480, 8101)
ABSENT = _by_cause(20, 480, 8103)
REJECTED = _by_cause(21, 403, 8105)
NUMBER_CHANGED = _by_cause(22, 410, 8100)
OUT_OF_ORDER = _by_cause(27, 502, 8103)
INVALID_NUMBER = _by_cause(28, 484, 8100)
CONGESTION = _by_cause(34, 503, 7109)
NETWORK_DOWN = _by_cause(38, 500, 8001)
DECLINED = Refusal(0, 603, 8105, 21)
NOT_ACCEPTABLE = _by_cause(58, 488, 8001)


@dataclass(frozen=True)
class Robot:
    """One party.

    Attributes:
        progress: what precedes its final response: `trying` (100 only), `ringing` (180), `mute` (183 with
            SDP, no RTP), `tone`, `music` or `announcement` (183 with that sound), or two joined by `+`.
        ring_s: from the last progress to the final response; inf for never.
        refuses: None for a robot that answers.
        says: `signal` (a talk of its own, in a loop), `silence`, `nothing` (a dead line, no RTP) or `echo`.
        stays_s: it hangs up so long after its answer; inf for never.
        keys, mode: what it presses `after_s` its answer, and how (`rfc4733`, `info`, `inband`); then it
            `says`.
        key_ms: how long each key is on, and then off.
    """

    progress: str = "ringing"
    ring_s: float = 0.2
    refuses: Refusal | None = None
    says: str = "signal"
    stays_s: float = inf
    keys: str = ""
    mode: str = "rfc4733"
    after_s: float = 1.0
    key_ms: int = 100

    @property
    def final_s(self) -> float:
        """From its INVITE to its final response; inf for never."""
        first, _, second = self.progress.partition("+")
        announcement_s = ANNOUNCEMENT_S if "announcement" in (first, second) else 0.0
        return AT_ONCE_S + (SECOND_PROGRESS_S if second else 0.0) + announcement_s + self.ring_s

    @property
    def answer_s(self) -> float:
        """From its INVITE to its answer; inf for a robot that does not answer."""
        return self.final_s if self.refuses is None else inf

    def acts(self) -> Iterator[tuple[float, str]]:
        """What the network tells before its final response, and when: `rings`, or a sound of EARLY_SOUND."""
        for n, progress in enumerate(self.progress.split("+")):
            if progress == "ringing":
                yield n * SECOND_PROGRESS_S, "rings"
            elif progress in EARLY_SOUND:
                yield n * SECOND_PROGRESS_S, EARLY_SOUND[progress]

    def pressed_s(self) -> list[float]:
        """From its answer to the end of each key, when a telephone reports it."""
        return [self.after_s + (2 * n + 1) * self.key_ms / 1000 for n in range(len(self.keys))]

    def parameters(self) -> str:
        """The robot in the testbed's words (docker/asterisk/README.md, parameters)."""
        said = {
            "progress": self.progress,
            "ring_s": "86400" if self.ring_s == inf else f"{self.ring_s:g}",
            "answer": "yes" if self.refuses is None else "no",
            "say": self.says,
            "hangup_s": "0" if self.stays_s == inf else f"{self.stays_s:g}",
        }
        if self.refuses is not None:
            said |= {"cause": str(self.refuses.q850)} if self.refuses.q850 else {"sip": str(self.refuses.sip)}
        if self.keys:
            said |= {"keys": self.keys, "after_ms": f"{1000 * self.after_s:.0f}"}
            said |= {"on_ms": str(self.key_ms), "off_ms": str(self.key_ms)}
        return ";".join(f"{name}={value}" for name, value in (said | {"mode": self.mode}).items())
