"""The language of front end and worker: AMP commands over the worker's Unix socket.

The front end connects and asks; the worker answers, and reports events by asking in turn. Both ends are of
this machine and this user: the socket lies in a directory that is this user's alone.

    front end → worker   Hello, StartCall, StopCall, Ping, CloseWorker
    worker → front end   Event (its answer is the acknowledgement), Room

A worker sends an event of a session only when the one before has been acknowledged. Whatever was not is
sent again after the next Hello: (session, seq) tells the front end what it has seen.
"""

import json
import zlib
from typing import Any, ClassVar, TypeAlias, cast

from twisted.protocols import amp

from ivrcore.service.workers.errors import JobError, NotStored, WorkerRefusal

PROTOCOL = 1
"""Counted up when either end would no longer understand the other."""

_PLAIN_BYTES = 16_000
_MOST_BYTES = 0xFFFF  # of one AMP value
_PLAIN, _DEFLATED = b"j", b"z"


class Json(amp.Argument):
    """Plain data. A long record (a notification that was repeated for hours) travels deflated."""

    def toString(self, inObject: Any) -> bytes:  # noqa: N802, N803
        """Encode.

        Raises:
            ValueError: more than a box can carry.
        """
        text = json.dumps(inObject, ensure_ascii=False, separators=(",", ":")).encode()
        packed = _PLAIN + text if len(text) <= _PLAIN_BYTES else _DEFLATED + zlib.compress(text)
        if len(packed) > _MOST_BYTES:
            raise ValueError(f"{len(packed)} bytes do not fit in a message")
        return packed

    def fromString(self, inString: bytes) -> Any:  # noqa: N802, N803
        """Decode."""
        kind, text = inString[:1], inString[1:]
        return json.loads(zlib.decompress(text) if kind == _DEFLATED else text)


Fields: TypeAlias = list[tuple[bytes, amp.Argument]]


def _fields(**kinds: type[amp.Argument]) -> Fields:
    return [(name.encode(), cast(Any, kind)()) for name, kind in kinds.items()]  # twisted leaves it untyped


class Hello(amp.Command):
    """The front end is there: who are you, and what do you have? Events begin to flow after the answer.

    `legs`: what the engine was compiled for; `lingering`: of those, occupied by calls that are over but not
    yet released. `sessions`: for each that is not settled, how many legs it has.
    """

    arguments: ClassVar[Fields] = _fields(protocol=amp.Integer)
    response: ClassVar[Fields] = _fields(
        protocol=amp.Integer,
        version=amp.Unicode,
        pid=amp.Integer,
        legs=amp.Integer,
        lingering=amp.Integer,
        closing=amp.Boolean,
        uptime_s=amp.Float,
        sessions=Json,
    )


class StartCall(amp.Command):
    """Make a call. Once it is answered, the session is in the spool. `known`: it was before."""

    arguments: ClassVar[Fields] = _fields(job=Json)
    response: ClassVar[Fields] = _fields(known=amp.Boolean)
    errors: ClassVar[dict[type[Exception], bytes]] = {WorkerRefusal: b"REFUSED", JobError: b"NO_JOB"}


class StopCall(amp.Command):
    """End a call (callStop). `running`: there was something to end."""

    arguments: ClassVar[Fields] = _fields(session=amp.Unicode)
    response: ClassVar[Fields] = _fields(running=amp.Boolean)


class Ping(amp.Command):
    """Does its reactor turn?"""

    response: ClassVar[Fields] = _fields(lingering=amp.Integer)


class CloseWorker(amp.Command):
    """Take no more jobs, end what is up when the time is over, and go."""

    arguments: ClassVar[Fields] = _fields(deadline_s=amp.Float)


class Event(amp.Command):
    """One event of a call; answered when it is stored."""

    arguments: ClassVar[Fields] = _fields(session=amp.Unicode, event=Json)
    errors: ClassVar[dict[type[Exception], bytes]] = {NotStored: b"NOT_STORED"}


class Room(amp.Command):
    """How many legs are occupied by calls that are over, whenever that changes."""

    arguments: ClassVar[Fields] = _fields(lingering=amp.Integer)
    requiresAnswer = False  # noqa: N815
