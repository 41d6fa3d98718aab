"""RTP inactivity: a telephone that is gone without a BYE is known by what does not come from it any more.

Life is any RTP packet (speech, comfort noise, a key, whatever its payload type) and any RTCP report on what
we sent (RFC 3550 section 6.4): a far end that sends no audio in pauses or while it is muted goes on reporting
every few seconds as long as it hears us. A telephone that is muted and sends neither cannot be told from one
that is gone. On hold, by the direction of its SDP (RFC 3264 section 8.4), the far end owes no audio: the
second, longer limit counts then.

Here is what is decided, from two looks at counters; who looks, and when, is sip.pjsua.guard.
"""

from dataclasses import dataclass
from math import isfinite

from sip.errors import SipConfigError

_LOOKS_A_LIMIT = 10
_LOOK_MAX_S = 5.0
_LOOK_MIN_S = 0.1


@dataclass(frozen=True)
class InactivityLimits:
    """How long nothing may come from a far end that is up; 0 is for ever.

    Attributes:
        rtp_timeout_s: while audio goes both ways.
        rtp_hold_timeout_s: while the call is on hold.
    """

    rtp_timeout_s: float = 0.0
    rtp_hold_timeout_s: float = 0.0

    def __post_init__(self) -> None:
        for name, limit_s in (("RTP", self.rtp_timeout_s), ("RTP hold", self.rtp_hold_timeout_s)):
            if not (isfinite(limit_s) and limit_s >= 0):
                raise SipConfigError(f"{name} timeout of {limit_s:g} s: must be 0 (none) or more")

    @property
    def look_s(self) -> float:
        """How often to look: ten times in the shorter limit, at least every 5 s; 0 is never."""
        limits = [limit_s for limit_s in (self.rtp_timeout_s, self.rtp_hold_timeout_s) if limit_s]
        return (
            max(_LOOK_MIN_S, min(_LOOK_MAX_S, *(limit_s / _LOOKS_A_LIMIT for limit_s in limits)))
            if limits
            else 0.0
        )

    def exceeded_by(self, quiet: "Quiet") -> bool:
        """Whether the far end is to be given up."""
        limit_s = self.rtp_hold_timeout_s if quiet.signs.on_hold else self.rtp_timeout_s
        return limit_s > 0 and quiet.for_s >= limit_s


@dataclass(frozen=True)
class Signs:
    """What has come from a far end so far; counters begin anew when the stream does.

    Attributes:
        rtp_packets: of any payload type.
        rtcp_reports: of what it received from us.
        on_hold: by SDP, audio does not go both ways.
    """

    rtp_packets: int
    rtcp_reports: int
    on_hold: bool = False


@dataclass(frozen=True)
class Quiet:
    """The signs of a far end, and for how long they have been the same."""

    signs: Signs
    for_s: float = 0.0


def look(before: Quiet | None, now: Signs, elapsed_s: float) -> Quiet:
    """One look at a far end that is up.

    Any change is life, also that of a stream that began anew; a change of hold gives it all of its limit.

    Args:
        before: what the last look came to, None at the first one: the time counts from there, not from the
            INVITE, for ringing may have taken longer than the limit.
        elapsed_s: since the last look. Whoever looked late passes no more than it was to be: a machine that
            stood still may have packets waiting that nobody has counted.
    """
    if before is None or before.signs != now:
        return Quiet(now)
    return Quiet(now, before.for_s + elapsed_s)
