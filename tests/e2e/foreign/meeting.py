"""Calls between a softphone of ours and a SIPp, made ahead of the tests that judge them, two at a time.

Most of a call is waiting. So a test names its meeting in a mark, and while one is judged, the next ones of
the session are already on the wire. A meeting that takes long is begun first, in a lane of its own.
"""

import itertools
import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue

from media.g711 import alaw_encode
from media.types import Pcm16
from media.wav import read_pcm
from sip.softphone import Script
from tests.e2e.callback.core import Core, Finished, Record
from tests.e2e.callback.ear import Ear
from tests.e2e.callback.sounds import EARLY_MEDIA_B, TALK_A, TALK_B, Sounds
from tests.e2e.callback.stage import Line, Telephone
from tests.e2e.callback.starvation import StarvationWatch
from tests.e2e.foreign.rtp_party import RtpParty, write_heard
from tests.e2e.foreign.sipp import MESSAGE_LOG, Played, Sipp
from tests.e2e.loopback.wirephone import RtpPacket

LANES = 2
LONG_LANES = 2
LOOK_AHEAD = 4
CALL_S, LONG_CALL_S = 20.0, 90.0
"""No call of these tests takes as long."""

STUMBLES_S = 0.4
"""What may be missing of a talk on a busy machine: late packets, a stretch too short to be known again."""

OTHER_PORT = EARLY_MEDIA_B
"""What SIPp's second RTP port says."""

PHONE_A = Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A)
PHONE_B = Script(ring_after_s=0.1, answer_after_s=0.4, talk=TALK_B)


@dataclass(frozen=True)
class Meeting:
    """One callback with a SIPp as a party.

    Attributes:
        sipp: the scenario, a file in sipp/.
        phone: what the other party does; it speaks its own talk.
        sipp_is_a: whether SIPp is called first.
        mute: SIPp's RTP port listens only.
        options: of the command line, sounds by their names.
        sipp_options: of SIPp's.
        long: it takes more than ten seconds.
    """

    sipp: str
    phone: Script = PHONE_A
    sipp_is_a: bool = False
    mute: bool = False
    options: tuple[str, ...] = ()
    sipp_options: tuple[str, ...] = ()
    long: bool = False


@dataclass(frozen=True)
class Met:
    """All that is known of a meeting that is over."""

    finished: Finished
    played: Played
    phone: Telephone
    packets: tuple[tuple[RtpPacket, ...], tuple[RtpPacket, ...]]
    """What arrived at each of SIPp's two RTP ports."""
    starved_s: float
    """The longest that one of the processes waited for a CPU, see tests/e2e/callback/starvation.py."""
    folder: Path
    sounds: Sounds = field(repr=False)

    @property
    def record(self) -> Record:
        """The end-of-call record."""
        return self.finished.record

    @property
    def verdict(self) -> tuple[int, int, str]:
        """stateCode, release point, and who ended it."""
        record = self.record
        return record["stateCode"], record["releasePoint"], record["endedBy"]

    def heard_s(self, name: str) -> float:
        """How long the softphone heard a sound, breaks left out."""
        return sum(one.end_s - one.start_s for one in self.ear.stretches if one.name == name)

    def told_s(self, name: str) -> float:
        """How long SIPp was told a sound, breaks left out."""
        return sum(one.end_s - one.start_s for one in self.sipp_ear.stretches if one.name == name)

    def leg(self, party: str) -> tuple[int, int]:
        """Q.850 cause and SIP status a leg ended with."""
        leg = self.record["legs"][party]
        return leg["q850"], leg["sipStatus"]

    def moment_s(self, text: str) -> float:
        """A moment of the record in monotonic seconds."""
        return self.monotonic_s(datetime.fromisoformat(text).timestamp())

    def monotonic_s(self, wall_s: float) -> float:
        """A moment of SIPp's log in monotonic seconds."""
        return wall_s - (time.time() - time.monotonic())

    @cached_property
    def ear(self) -> Ear:
        """What the softphone heard."""
        return Ear.of(self.phone.recording, self.phone.at_s("capture"), self.sounds.known)

    @cached_property
    def sipp_ear(self) -> Ear:
        """What SIPp's two RTP ports were told."""
        path = self.folder / "told.wav"
        began_s = write_heard(sorted(self.packets[0] + self.packets[1], key=lambda packet: packet.at_s), path)
        return Ear.of(path, began_s, self.sounds.known)


class Lanes:
    """Two lanes of one softphone each, and one for what takes long."""

    def __init__(self, folder: Path) -> None:
        self.sounds = Sounds(folder)
        self._folder = folder
        self._pool = ThreadPoolExecutor(LANES)
        self._long_pool = ThreadPoolExecutor(LONG_LANES)
        self._futures: dict[Meeting, Future[Met]] = {}
        self._free: SimpleQueue[Line] = SimpleQueue()
        self._lines: list[Line] = []
        self._numbers = itertools.count()
        self._starting = threading.Lock()

    def prepare(self, meeting: Meeting) -> None:
        """Make the call as soon as there is a free lane; once, however many tests judge it."""
        if meeting not in self._futures:
            pool = self._long_pool if meeting.long else self._pool
            self._futures[meeting] = pool.submit(self._make, next(self._numbers), meeting)

    def again(self, meeting: Meeting) -> Met:
        """Make the call once more and judge that one from now on."""
        del self._futures[meeting]
        self.prepare(meeting)
        return self.result(meeting)

    def result(self, meeting: Meeting) -> Met:
        """The call, once it is over.

        Raises:
            AssertionError: SIPp did not see its scenario; the text has its complaint and the exchange.
        """
        met = self._futures[meeting].result()
        assert met.played.status == 0, f"{met.played.complaints}\n{met.played.story()}\n{met.finished.stderr}"
        return met

    def close(self) -> None:
        """End every telephone."""
        self._pool.shutdown(cancel_futures=True)
        self._long_pool.shutdown(cancel_futures=True)
        errors = []
        for line in self._lines:
            try:
                line.end()
            except AssertionError as error:
                errors.append(str(error))
        assert errors == []

    def _make(self, number: int, meeting: Meeting) -> Met:
        line = self._new_line() if self._free.empty() else self._free.get()
        met = self._call(self._folder / f"{number}-{meeting.sipp}", line, meeting)
        self._free.put(line)  # not after an exception: who knows what it would report next
        return met

    def _pcm(self, name: str) -> Pcm16:
        return read_pcm(Path(self.sounds.path(name)))

    def _new_line(self) -> Line:
        with self._starting:  # one after the other: four at once are slow on a small machine
            line = Line(self._folder / "cache")
            self._lines.append(line)
            line.start()
        return line

    def _call(self, folder: Path, line: Line, meeting: Meeting) -> Met:
        folder.mkdir()
        recording = folder / "heard.wav"
        line.load(replace(self.sounds.in_files(meeting.phone), hear=str(recording)))
        own = TALK_A if meeting.sipp_is_a else TALK_B
        talks = (self._pcm(own), self._pcm(OTHER_PORT))
        (folder / "talk.alaw").write_bytes(alaw_encode(talks[0]).tobytes())
        options = [self.sounds.path(option) for option in meeting.options]
        with ExitStack() as stack:
            log = folder / MESSAGE_LOG
            rtp = stack.enter_context(RtpParty(folder, log, None if meeting.mute else talks))
            first, second = rtp.ports
            keys = {"rtp_port": first, "other_rtp_port": second}
            sipp = stack.enter_context(Sipp(meeting.sipp, folder, *meeting.sipp_options, **keys))
            called = (sipp.uri, line.dialled) if meeting.sipp_is_a else (line.dialled, sipp.uri)
            core = stack.enter_context(Core(*called, "--json", "--data", str(folder / "data"), *options))
            watch = StarvationWatch([core.process.pid, line.process.pid, sipp.pid, rtp.pid])
            try:
                with watch:
                    finished = core.finish(deadline_s=LONG_CALL_S if meeting.long else CALL_S)
            except AssertionError as error:
                played = sipp.finish()
                raise AssertionError(f"{error}\n{played.complaints}\n{played.story()}") from error
            played = sipp.finish()
            packets = rtp.packets()
        (folder / "core.log").write_text(finished.stderr + finished.stdout)
        telephone = line.collect(recording)
        (folder / "phone.json").write_text(json.dumps(telephone.reports, indent=1))
        return Met(finished, played, telephone, packets, watch.longest_s, folder, self.sounds)
