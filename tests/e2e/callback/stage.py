"""Scripted callbacks, made ahead of the tests that judge them, two at a time.

A call takes as long as it takes; most of it is waiting. So a test names its scenario in a mark, and while one
is judged, the next ones of its module are already on the wire, on softphones that live for the session.
"""

import itertools
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
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

LANES = 2
LOOK_AHEAD = 4
START_DEADLINE_S = 60.0

QUICK_A = Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A)
QUICK_B = Script(ring_after_s=0.1, answer_after_s=0.4, talk=TALK_B, hang_up_after_s=1.5)
"""B ends the call after 1.5 s of talk."""

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
        """Wait until it can be called; the interpreter takes its time on a loaded machine."""
        self.wait("ready", deadline_s=START_DEADLINE_S)
        self.dialled = self.uri

    def load(self, script: Script) -> None:
        """Take a script; only what happens from now on is reported."""
        with self._news:
            self.reports.clear()
        self.say(f"script {script.to_json()}")
        self.wait("script")

    def collect(self, recording: Path) -> Telephone:
        """The reports of the call, when it is over here too; none when it was never called."""
        if self.all("incoming"):
            self.wait("captured")
        return Telephone(tuple(self.reports[1:]), recording)


class Stage:
    """Two lanes of two telephones each."""

    def __init__(self, folder: Path) -> None:
        self.sounds = Sounds(folder)
        self._folder = folder
        self._pool = ThreadPoolExecutor(LANES)
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
        errors = []
        for line in self._lines:
            try:
                line.end()
            except AssertionError as error:
                errors.append(str(error))
        assert errors == []

    def _make(self, number: int, scenario: Scenario) -> FinishedCall:
        lines = self._free.get() or self._new_lane()
        usable = False
        try:
            call = self._call(self._folder / f"call-{number}", lines, scenario)
            usable = True
            return call
        finally:
            self._free.put(lines if usable else None)

    def _new_lane(self) -> tuple[Line, Line]:
        lines = Line(self._folder / "cache"), Line(self._folder / "cache")
        self._lines += lines  # before they are ready: whatever happens, they are ended
        for line in lines:
            line.start()
        return lines

    def _call(self, folder: Path, lines: tuple[Line, Line], scenario: Scenario) -> FinishedCall:
        folder.mkdir()
        recordings = folder / "heard-a.wav", folder / "heard-b.wav"
        for line, script, path in zip(lines, (scenario.a, scenario.b), recordings, strict=True):
            line.load(replace(self.sounds.in_files(script), hear=str(path)))
        data = folder / "data"
        options = [self.sounds.path(option) for option in scenario.options]
        with Core(*(line.dialled for line in lines), "--json", "--data", str(data), *options) as core:
            core.wait_for("SIP on")
            with StarvationWatch([core.process.pid, *(line.process.pid for line in lines)]) as watch:
                finished = core.finish()
        (folder / "core.log").write_text(finished.stderr + finished.stdout)
        a, b = (line.collect(path) for line, path in zip(lines, recordings, strict=True))
        (folder / "phones.json").write_text(json.dumps([a.reports, b.reports], indent=1))
        return FinishedCall(finished, a, b, data, watch.longest_s, self.sounds)
