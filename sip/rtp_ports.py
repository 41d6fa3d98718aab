"""RTP ports of a process: their range, and whether the machine has room for as many legs.

A freed port rests, so that late packets of one call are not heard in the next. Our own build of pjsua2 sees
to that with one allocator (sip.pjsua.rtp). On the stock wheel it follows from the order: pjsua takes the
ports of an account one pair after the other, goes round at the end of its range, and passes over what another
program holds, so that a freed port comes up again only after all others (`quarantine_s`).
"""

import random
import resource
from dataclasses import dataclass
from pathlib import Path

from sip.errors import SipConfigError

FIRST_PORT, LAST_PORT = 16384, 32767
"""Below the ephemeral range that Linux has by default (32768 to 60999)."""

QUARANTINE_S = 30.0
"""How long a freed port should rest: a far end that missed our BYE sends until its own timers end (RFC 3261,
timer F, is 32 s)."""

FILES_A_LEG = 4
"""Descriptors: RTP, RTCP, a capture and a prompt."""

OTHER_FILES = 100
"""Of the interpreter, the log, the signalling, the connection to the front end."""

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


@dataclass(frozen=True)
class RtpPorts:
    """A range of ports, both ends included. RTP takes the even ones, RTCP the next odd (RFC 3550 section 11).

    Raises:
        SipConfigError: no such range can be used; the text names it.
    """

    first: int = FIRST_PORT
    last: int = LAST_PORT

    def __post_init__(self) -> None:
        named = f"RTP ports {self.first} to {self.last}"
        if not 1024 <= self.first <= self.last <= 65535:
            raise SipConfigError(f"{named}: must lie in 1024 to 65535, the lower one first")
        if self.first % 2 or self.last % 2 == 0:
            raise SipConfigError(f"{named}: must begin with an even and end with an odd port")
        if self.pairs < 2:
            raise SipConfigError(f"{named}: too few, two pairs at the least")

    @property
    def pairs(self) -> int:
        """Ports for RTP, each with its RTCP: how many legs can have media at once."""
        return (self.last + 1 - self.first) // 2

    def window(self, chance: random.Random) -> tuple[int, int]:
        """First port and extent of the half of the range that one account of the stock wheel goes round in.

        Begun at random, so that several processes on one machine seldom ask for the same port: pjsua passes
        over a busy one, but gives up after a hundred.
        """
        half = self.pairs // 2
        return self.first + 2 * chance.randrange(self.pairs - half + 1), 2 * (half - 1)

    def quarantine_s(self, legs_per_second: float) -> float:
        """How long a freed port rests on the stock wheel when legs begin at this rate, all on one account."""
        return (self.pairs // 2) / legs_per_second


@dataclass(frozen=True)
class Machine:
    """What the kernel lets this process have.

    Attributes:
        open_files: descriptors it may raise its own limit to.
        ephemeral: first and last port that the kernel gives to whoever asks for any.
        reserved: ranges it leaves out of these.
    """

    open_files: int
    ephemeral: tuple[int, int]
    reserved: tuple[tuple[int, int], ...] = ()


def this_machine() -> Machine:
    """What the kernel says; Linux's defaults where it does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        first, last = map(int, _EPHEMERAL.read_text().split())
        reserved = _RESERVED.read_text().strip()
    except (OSError, ValueError):
        first, last, reserved = 32768, 60999, ""
    ranges = [part.partition("-")[::2] for part in reserved.split(",") if part]
    return Machine(
        open_files=1 << 20 if hard == resource.RLIM_INFINITY else hard,
        ephemeral=(first, last),
        reserved=tuple((int(low), int(high or low)) for low, high in ranges),
    )


def legs_with_room(ports: RtpPorts, machine: Machine) -> int:
    """How many legs the ports and descriptors suffice for."""
    # An account of the wheel goes round in half of the ports, see RtpPorts.window; with our own build the
    # other half is for those that rest.
    return max(0, min(ports.pairs // 2, (machine.open_files - OTHER_FILES) // FILES_A_LEG))


def warnings(ports: RtpPorts, legs: int, machine: Machine) -> tuple[str, ...]:
    """What about the machine disturbs calls or allows fewer of them, one line each, with what to change."""
    found = []
    low, high = max(ports.first, machine.ephemeral[0]), min(ports.last, machine.ephemeral[1])
    if low <= high and not any(first <= low and high <= last for first, last in machine.reserved):
        found.append(
            f"RTP ports {low} to {high} are ephemeral ports of the kernel, which other programs get at "
            "random: choose others, or add them to net.ipv4.ip_local_reserved_ports"
        )
    if ports.pairs // 2 < legs:
        found.append(
            f"RTP ports {ports.first} to {ports.last} suffice for {ports.pairs // 2} legs, not for {legs}: "
            "widen the range"
        )
    needed = legs * FILES_A_LEG + OTHER_FILES
    if machine.open_files < needed:
        room = (machine.open_files - OTHER_FILES) // FILES_A_LEG
        found.append(
            f"{machine.open_files} open files suffice for {room} legs, not for {legs}: "
            f"raise the hard limit (ulimit -Hn) to {needed}"
        )
    return tuple(found)


def raise_file_limit(legs: int) -> None:
    """Let this process open as many files as its legs need, as far as its hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = legs * FILES_A_LEG + OTHER_FILES
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
