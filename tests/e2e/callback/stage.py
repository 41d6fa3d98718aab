"""Scripted callbacks, made ahead of the tests that judge them, a few at a time.

A call takes as long as it takes; most of it is waiting. So a test names its scenario in a mark, and while one
is judged, the next ones are already on the wire, on softphones that live for the session. A core goes on for
a second after its call, for late requests: by then its telephones are in the next one.
"""

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue

from sip.softphone import Script
from tests.e2e.callback.core import Core, Finished, Record
from tests.e2e.callback.ear import Ear
from tests.e2e.callback.sounds import TALK_A, TALK_B, Sounds
from tests.e2e.callback.starvation import StarvationWatch
from tests.e2e.loopback.parties import Phone, Report

LANES = 3
LOOK_AHEAD = 6

QUICK_A = Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A)
QUICK_B = Script(ring_after_s=0.1, answer_after_s=0.4, talk=TALK_B, hang_up_after_s=1.5)
"""B ends the call after 1.5 s of talk."""

SETTING_UP = ("ready", "script")
SIGNALLING = ("incoming", "answered", "hangup", "digit", "ended")


@dataclass(frozen=True)
class Scenario:
    """One callback: what both telephones do, and what the command line says, sounds by their names."""

    a: Script = QUICK_A
    b: Script = QUICK_B
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Telephone:
    """What one party's telephone reported of one call."""

    reports: tuple[Report, ...]
    recording: Path

    @property
    def events(self) -> list[str]:
        """Signalling and keys, in order."""
        return [report["event"] for report in self.reports if report["event"] in SIGNALLING]

    def all(self, event: str) -> list[Report]:
        """Every report of that kind."""
        return [report for report in self.reports if report["event"] == event]

    def report(self, event: str) -> Report:
        """The only report of that kind."""
        found = self.all(event)
        assert len(found) == 1, f"{len(found)} reports of '{event}' in {self.events}"
        return found[0]

    def at_s(self, event: str) -> float:
        """When it happened, in monotonic seconds."""
        return float(self.report(event)["at_s"])


@dataclass(frozen=True)
class FinishedCall:
    """All that is known of a call that is over."""

    finished: Finished
    a: Telephone
    b: Telephone
    data: Path
    starved_s: float
    """The longest that one of its processes waited for a CPU, see starvation.py."""

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

    @property
    def talk_started_s(self) -> float:
        """The record's start of the talk, in monotonic seconds."""
        return self.moment_s(self.record["talkStartedAt"])

    def moment_s(self, text: str) -> float:
        """A moment of the record in monotonic seconds."""
        return datetime.fromisoformat(text).timestamp() - (time.time() - time.monotonic())

    @cached_property
    def ear_a(self) -> Ear:
        """What A heard."""
        return self._ear(self.a)

    @cached_property
    def ear_b(self) -> Ear:
        """What B heard."""
        return self._ear(self.b)

    def _ear(self, telephone: Telephone) -> Ear:
        return Ear.of(telephone.recording, telephone.at_s("capture"), self.sounds.known)


class Line(Phone):
    """A softphone that takes one script after the other."""

    def __init__(self, cache_dir: Path) -> None:
        super().__init__(cache_dir, Script())
        self.dialled = ""

    def start(self) -> None:
        """Wait until it can be called."""
        self.wait("ready")
        self.dialled = self.uri

    def load(self, script: Script) -> None:
        """Take a script; only what happens from now on is reported."""
        super().load(script)
        self.wait("script")

    def collect(self, recording: Path, *, called: bool = False) -> Telephone:
        """The reports of the call, when it is over here too; none when it was never called.

        Args:
            called: it was certainly, though perhaps it has not told so yet.
        """
        if called or self.all("incoming"):
            self.wait("captured")
        return Telephone(tuple(one for one in self.reports if one["event"] not in SETTING_UP), recording)


class Stage:
    """Lanes of two telephones each."""

    def __init__(self, folder: Path) -> None:
        self.sounds = Sounds(folder)
        self._folder = folder
        self._pool = ThreadPoolExecutor(2 * LANES)  # the cores that only linger need no lane
        self._numbers = itertools.count()
        self._futures: dict[Scenario, Future[FinishedCall]] = {}
        self._free: SimpleQueue[tuple[Line, Line] | None] = SimpleQueue()
        self._lines: list[Line] = []
        for _ in range(LANES):
            self._free.put(None)  # its telephones are started when they are needed

    def prepare(self, scenario: Scenario) -> None:
        """Make the call as soon as there is a free lane; once, however many tests look at it."""
        if scenario not in self._futures:
            self._futures[scenario] = self._pool.submit(self._make, next(self._numbers), scenario)

    def result(self, scenario: Scenario) -> FinishedCall:
        """The call, once it is over."""
        return self._futures[scenario].result()

    def again(self, scenario: Scenario) -> FinishedCall:
        """Make a call once more, in place of the one before."""
        del self._futures[scenario]
        self.prepare(scenario)
        return self.result(scenario)

    def close(self) -> None:
        """End every telephone."""
        self._pool.shutdown(cancel_futures=True)
        for line in self._lines:
            line.leave()
        errors = []
        for line in self._lines:
            try:
                line.end()
            except AssertionError as error:
                errors.append(str(error))
        assert errors == []

    def _make(self, number: int, scenario: Scenario) -> FinishedCall:
        folder = self._folder / f"call-{number}"
        folder.mkdir()
        data = folder / "data"
        with ExitStack() as cores:
            with self._lane() as lines, ExitStack() as looking:
                recordings = folder / "heard-a.wav", folder / "heard-b.wav"
                for line, script, path in zip(lines, (scenario.a, scenario.b), recordings, strict=True):
                    line.load(replace(self.sounds.in_files(script), hear=str(path)))
                options = [self.sounds.path(option) for option in scenario.options]
                arguments = (*(line.dialled for line in lines), "--json", "--data", str(data), *options)
                core = cores.enter_context(Core(*arguments))
                core.wait_for("SIP on")
                pids = [core.process.pid, *(line.process.pid for line in lines)]
                watch = looking.enter_context(StarvationWatch(pids))
                core.wait_for("the call is over")
                a, b = (
                    line.collect(path, called=core.has_told(f"  {party} is called"))
                    for party, line, path in zip("AB", lines, recordings, strict=True)
                )
            finished = core.finish()
        (folder / "core.log").write_text(finished.stderr + finished.stdout)
        (folder / "phones.json").write_text(json.dumps([a.reports, b.reports], indent=1))
        return FinishedCall(finished, a, b, data, watch.longest_s, self.sounds)

    @contextmanager
    def _lane(self) -> Iterator[tuple[Line, Line]]:
        lines, usable = self._free.get(), False
        try:
            lines = lines or self._new_lane()
            yield lines
            usable = True
        finally:
            self._free.put(lines if usable else None)

    def _new_lane(self) -> tuple[Line, Line]:
        lines = Line(self._folder / "cache"), Line(self._folder / "cache")
        self._lines += lines  # before they are ready: whatever happens, they are ended
        for line in lines:
            line.start()
        return lines
