"""Telephones that are an Asterisk on the load's core: a second opinion on rtp_load.

It answers each call, talks without an end, and reads what it hears, each call on a timer and in a thread of
its own. SIPp's RTP streams would be no such load: they send those of all calls in one go.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.calls_load import LOAD_CORE, free_ports
from benchmarks.testbed import Testbed
from media.g711 import alaw_encode
from media.types import Pcm16

PORTS_A_CALL = 4
"""RTP and RTCP, and as many to find free ones fast."""

DIALPLAN = """
[trunk](+)
exten => talker{number},1,Answer()
same => n,Playback(/state/talk-{number})
same => n,Hangup()
"""


@contextmanager
def robots(folder: Path, legs: int, voices: Sequence[Pcm16]) -> Iterator[tuple[str, ...]]:
    """What to dial for each voice; all are one Asterisk.

    Args:
        folder: for its files; is made.
        legs: calls that a voice can take at once.
        voices: what is said, as long as calls last.

    Raises:
        subprocess.CalledProcessError: no container can run here.
        RuntimeError: too few ports.
    """
    state = folder / "state"
    state.mkdir(parents=True)
    for number, voice in enumerate(voices):
        (state / f"talk-{number}.alaw").write_bytes(alaw_encode(voice).tobytes())
    n_ports = PORTS_A_CALL * legs * len(voices)
    first = free_ports(n_ports)
    dialplan = "".join(DIALPLAN.format(number=number) for number in range(len(voices)))
    testbed = Testbed(state, "robots", f"{first}-{first + n_ports - 1}", LOAD_CORE, dialplan)
    try:
        yield tuple(f"sip:talker{number}@{testbed.address}" for number in range(len(voices)))
    finally:
        testbed.down()
