"""Carries cells out: several cores at once, each with one callback between two robots of its own.

A call is mostly waiting, so they overlap; the tests judge what is left behind. The robots' numbers, the
numbers shown to them and so the names of Asterisk's recordings come from the cell's place in the table. All
cores share one data directory, as the processes of a machine do.
"""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from media.fingerprint import KnownSignal
from media.types import Pcm16
from tests.e2e.asterisk.cells import CELLS, MINUTE_S, Cell
from tests.e2e.asterisk.robots import EARLY_SOUND, Robot
from tests.e2e.asterisk.rules import TALK_OF, Moment, expect
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.asterisk.wire import Capture, Leg, read_legs
from tests.e2e.callback.core import Core, Finished, Record
from tests.e2e.callback.ear import Ear
from tests.e2e.callback.sounds import HINT, PRE_VOICE, RINGBACK, WAIT_VOICE, WARNING, Sounds
from tests.e2e.callback.starvation import StarvationWatch

LANES = 6
"""Callbacks at once."""

_LINE = re.compile(r"^ *(\d+\.\d{3}) s  (.*?)(?:, \w+ ready for the answer)?$")
_STEM = re.compile(r'Set\("(PJSIP/\S+)", "stem=\S+/(\d{9})-([^-]+)-')
_KEY = re.compile(r"DTMF end '(.)' received on (PJSIP/\S+),")


@dataclass(frozen=True)
class Line:
    """One party's numbers: the one dialled, and the one it sees."""

    number: str
    shown: str
    signal: int

    @classmethod
    def of(cls, cell: Cell, party: str, attempt: int = 0) -> "Line":
        """Two lines for each attempt at a cell; a number's last digit is the signal that its robot speaks."""
        n = 2 * CELLS.index(cell) + "AB".index(party)
        return cls(f"7110{attempt}{n:03}{n % 10}", f"555{attempt}{n:04}", n % 10)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one cell left behind."""

    cell: Cell
    core: Finished
    heard: dict[str, Path]
    """Asterisk's recordings of what the robots heard, by party; none of a robot that did not answer."""
    batch: "Batch"
    attempt: int
    starved_s: float
    """The longest that the core waited for a CPU, see tests/e2e/callback/starvation.py."""

    @property
    def on_wire(self) -> bool:
        """Whether the wire was listened to."""
        return self.batch.on_wire and self.attempt == 0

    def line(self, party: str) -> Line:
        """A party's numbers."""
        return Line.of(self.cell, party, self.attempt)

    @cached_property
    def record(self) -> Record:
        """The end-of-call record."""
        return self.core.record

    @cached_property
    def history(self) -> list[Moment]:
        """What `ivrcore call` told on the way."""
        found = (_LINE.match(line) for line in self.core.lines)
        return [Moment(float(line[1]), line[2]) for line in found if line]

    def at_s(self, text: str) -> float:
        """When the history first tells it."""
        return next(moment.at_s for moment in self.history if moment.text == text)

    def known(self, *, early: str | None) -> list[KnownSignal]:
        """All that anybody could hear in this cell, a stranger's talk and B's early sound included."""
        sounds = self.batch.sounds
        prompts = [
            one for one in sounds.known if one.name in (PRE_VOICE, WAIT_VOICE, HINT, WARNING, RINGBACK)
        ]
        parties = [
            KnownSignal(TALK_OF[party], self.batch.signal(f"talk-{self.line(party).signal}"), loop=True)
            for party in "AB"
        ]
        stranger = f"talk-{(self.line('B').signal + 4) % 10}"
        others = [KnownSignal("talk of another call", self.batch.signal(stranger), loop=True)]
        if early in ("music", "announcement"):
            others.append(KnownSignal(early, self.batch.signal(early), loop=early == "music"))
        return prompts + parties + others

    def leg(self, party: str) -> Leg:
        """On the wire."""
        return self.batch.legs[self.line(party).number]

    def ear(self, party: str, *, early: str | None) -> Ear:
        """What a robot that answered heard, in seconds of the history."""
        return Ear.of(self.heard[party], self.at_s(f"{party} answered"), self.known(early=early))

    def key_events(self, party: str) -> str:
        """The keys that reached a robot as RTP events or INFO, by Asterisk's own log."""
        return self.batch.keys_of(self.line(party))


class Batch:
    """Every selected cell, carried out when it is made."""

    def __init__(self, testbed: Testbed, selected: Sequence[Cell], folder: Path) -> None:
        self.sounds = Sounds(_made(folder / "sounds"))
        self._testbed = testbed
        self._folder = folder
        self._calls = _made(folder / "calls")
        self._signals: dict[str, Pcm16] = {}
        self._evidence: dict[str, Evidence | Exception] = {}
        self._teach([(cell, 0) for cell in selected])
        self.on_wire = Capture.possible()
        self.recordings = folder / "data" / "recordings"
        capture = Capture(folder / "wire.pcap", testbed.sip_port, testbed.rtp_ports) if self.on_wire else None
        began_s = time.monotonic()
        try:
            self._carry_out(selected)
        finally:
            self.took_s = time.monotonic() - began_s
            if capture is not None:
                capture.stop()

    def evidence(self, cell: Cell) -> Evidence:
        """What a cell left; raises what its run raised."""
        found = self._evidence[cell.id]
        if isinstance(found, Exception):
            raise found
        return found

    def again(self, evidence: Evidence) -> Evidence:
        """Another attempt at a cell, alone."""
        attempt = evidence.attempt + 1
        self._teach([(evidence.cell, attempt)])
        self.__dict__.pop("_keys", None)
        return self._call(evidence.cell, attempt)

    def all(self) -> list[Evidence]:
        """Of every cell that was carried out to its end."""
        return [found for found in self._evidence.values() if isinstance(found, Evidence)]

    def signal(self, name: str) -> Pcm16:
        """One of the testbed's signals."""
        if name not in self._signals:
            self._signals[name] = self._testbed.signal(name)
        return self._signals[name]

    @cached_property
    def legs(self) -> dict[str, Leg]:
        """All that went over the wire, by the number dialled."""
        return read_legs(self._folder / "wire.pcap", self._testbed.sip_port)

    def keys_of(self, line: Line) -> str:
        """The keys that arrived on a robot's channel."""
        return self._keys.get(f"{line.number}-{line.shown}", "")

    @cached_property
    def _keys(self) -> dict[str, str]:
        log = self._testbed.state / "log"
        steps = (log / "messages.log").read_text(errors="replace")
        line_of = {found[1]: f"{found[2]}-{found[3]}" for found in _STEM.finditer(steps)}
        keys: dict[str, str] = {}
        for found in _KEY.finditer((log / "dtmf.log").read_text(errors="replace")):
            line = line_of.get(found[2], "")
            keys[line] = keys.get(line, "") + found[1]
        return keys

    def _carry_out(self, selected: Sequence[Cell]) -> None:
        """The longest first, so that none is left over at the end."""
        with ThreadPoolExecutor(LANES) as pool:
            longest_first = sorted(selected, key=lambda cell: -expect(cell).length_s)
            futures = {cell.id: pool.submit(self._call, cell) for cell in longest_first}
            for name, future in futures.items():
                error = future.exception()
                if error is None:
                    self._evidence[name] = future.result()
                elif isinstance(error, Exception):
                    self._evidence[name] = error
                else:
                    raise error

    def _call(self, cell: Cell, attempt: int = 0) -> Evidence:
        lines = {party: Line.of(cell, party, attempt) for party in "AB"}
        arguments = (
            *(line.number for line in lines.values()),
            *("--trunk", f"127.0.0.1:{self._testbed.sip_port}", "--json"),
            *("--data", str(self._folder / "data")),
            *("--display-a", lines["A"].shown, "--display-b", lines["B"].shown),
            *_options(cell, self.sounds.path),
        )
        with Core(*arguments) as core:
            core.wait_for("A is called")  # what it waited for before is no call's concern
            with StarvationWatch([core.process.pid]) as watch:
                finished = core.finish()
        # For whoever has to find out why a cell failed.
        (self._calls / f"{lines['A'].number}.log").write_text(
            f"{cell.id}\n{finished.stderr}{finished.stdout}"
        )
        assert finished.status in (0, 1), finished.stderr
        answered = [party for party in "AB" if f"  {party} answered" in finished.stderr]
        heard = {
            party: self._testbed.heard_file(lines[party].number, lines[party].shown) for party in answered
        }
        return Evidence(cell, finished, heard, self, attempt, watch.longest_s)

    def _teach(self, attempts: Sequence[tuple[Cell, int]]) -> None:
        """Tell Asterisk what each robot does (AstDB family `robot`)."""
        robots: list[tuple[str, Robot]] = [
            (Line.of(cell, party, attempt).number, robot)
            for cell, attempt in attempts
            for party, robot in (("A", cell.a), ("B", cell.b))
        ]
        self._testbed.teach({number: robot.parameters() for number, robot in robots})


def _options(cell: Cell, path: Callable[[str], str]) -> list[str]:
    """What the customer ordered, on the command line."""
    options = ["--callee-media", cell.media, "--ring-timeout", str(cell.ring_timeout_s)]
    options += ["--wait-voice", path(WAIT_VOICE)]
    if cell.pre_voice:
        options += ["--pre-voice", path(PRE_VOICE)]
    if cell.record:
        options += ["--record"]
    if cell.hint:
        options += ["--record-hint", path(HINT)]
    if cell.limit_min:
        options += ["--max-duration", str(cell.limit_min), "--clock-scale", str(60.0 / MINUTE_S)]
        options += ["--last-minute", path(WARNING), "--last-minute-to", cell.warned]
    return options


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def early_sound(robot: Robot) -> str | None:
    """What is heard of a robot before its answer, None for silence."""
    return next((EARLY_SOUND[one] for one in robot.progress.split("+") if one in EARLY_SOUND), None)
