"""The parties of a loopback call as child processes: the core's endpoint and softphones.

Both read orders and report events as lines of JSON (driver.py, sip/softphone.py). A party is waited for with
a deadline, never by sleeping. When its test is over it is cleared for the next one, or gone.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sip.softphone import Script

DEADLINE_S = 8.0
"""Long for anything on loopback, so that a loaded machine fails no test; each test asserts its own times."""

START_DEADLINE_S = 60.0
"""For a process to be ready: an interpreter starts in a second, or in ten on a busy machine."""

MOST_TRUNKS = 6
"""The stack's accounts are 8 in the prebuilt wheel, one of them its own."""

Report = dict[str, Any]
ROOT = Path(__file__).parents[3]


class Party:
    """A child process that reports lines of JSON."""

    def __init__(self, *arguments: str) -> None:
        self.reports: list[Report] = []
        self._news = threading.Condition()
        self._killed = False
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._complaints: list[str] = []
        self._readers = [threading.Thread(target=read) for read in (self._read, self._read_complaints)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        except AssertionError:
            if kind is None:  # do not hide what went wrong first
                raise

    def wait(self, *events: str, deadline_s: float | None = None, **facts: object) -> Report:
        """The first report of that kind, or of one of these kinds, with these facts; waited for.

        Args:
            deadline_s: None is long for anything on loopback, and longer where a process has to start.

        Raises:
            AssertionError: it did not come in time, or the process ended; the text has what did come.
        """
        if deadline_s is None:
            deadline_s = START_DEADLINE_S if {"ready", "refused"} & {*events} else DEADLINE_S
        until_s = time.monotonic() + deadline_s
        with self._news:
            while True:
                for report in self.reports:
                    if report["event"] in events and facts.items() <= report.items():
                        return report
                left_s = until_s - time.monotonic()
                if left_s <= 0 or not self._readers[0].is_alive():
                    raise AssertionError(f"no {events} {facts} in {deadline_s} s, but {self._story()}")
                self._news.wait(min(left_s, 0.2))

    def wait_for(self, event: str, count: int, *, deadline_s: float = DEADLINE_S) -> list[Report]:
        """The reports of that kind, once there are so many.

        Raises:
            AssertionError: there are fewer when the time is over.
        """
        until_s = time.monotonic() + deadline_s
        with self._news:
            while len(found := [one for one in self.reports if one["event"] == event]) < count:
                left_s = until_s - time.monotonic()
                assert left_s > 0, f"{len(found)} of {count} {event}: {self._story()}"
                self._news.wait(min(left_s, 0.2))
        return found

    def all(self, event: str, **facts: object) -> list[Report]:
        """Every report of that kind so far."""
        with self._news:
            return [
                report
                for report in self.reports
                if report["event"] == event and facts.items() <= report.items()
            ]

    def say(self, line: str) -> None:
        """One line to the process."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def usable(self) -> bool:
        """Whether it lives, and has complained of nothing."""
        return self.process.poll() is None and not self._complaints

    def forget(self) -> None:
        """Forget every report but that it is ready: what the next test reads is its own."""
        with self._news:
            self.reports[:] = [report for report in self.reports if report["event"] == "ready"]

    def kill(self) -> None:
        """SIGKILL: it says nothing any more, to nobody."""
        self._killed = True
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def leave(self) -> None:
        """Close its standard input, which tells it to go; `end` sees it gone."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it ended before, which its exit code tells
            self.process.stdin.close()

    def end(self) -> None:
        """See it go by itself, with nothing to complain of.

        Raises:
            AssertionError: it had to be killed, ended with an error, or wrote to its standard error.
        """
        self.leave()
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end when its pipe closed: {self._story()}") from None
        finally:
            for reader in self._readers:
                reader.join()
        if not self._killed:
            assert self.process.returncode == 0, self._story()
            assert self._complaints == []

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._news:
                    self.reports.append(json.loads(line))
                    self._news.notify_all()

    def _read_complaints(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self._complaints.extend(lines)

    def _story(self) -> str:
        return f"{self.reports} and complaints {self._complaints}"


class Core(Party):
    """Our stack: driver.py."""

    def __init__(self, cache_dir: Path, **settings: object) -> None:
        facts = {"cache_dir": str(cache_dir), **settings}
        self._trunks: set[str] = set()
        super().__init__("-m", "tests.e2e.loopback.driver", json.dumps(facts))

    @property
    def address(self) -> str:
        """`host:port` it listens on."""
        return str(self.wait("ready")["address"])

    def order(self, verb: str, **arguments: object) -> None:
        """See driver.py."""
        self.say(json.dumps({"do": verb, **arguments}))

    def dial(self, leg: str, called: str, *, display: str = "95588", **more: object) -> None:
        """Dial on a new leg."""
        self._trunks.add(json.dumps(more.get("trunk")))
        self.order("dial", leg=leg, called=called, display=display, **more)

    def hang_up(self, leg: str, q850: int = 16) -> None:
        """Hang a leg up."""
        self.order("hang_up", leg=leg, q850=q850)

    def clear(self) -> bool:
        """Hang up what a test left, and see that no leg was left without its LegHungUp.

        Returns:
            Whether the next test may have it: a call of the stack may be waiting for a dead far end still,
            and an account stays for each trunk.

        Raises:
            AssertionError: a leg did not end, or the process complained.
        """
        if self._killed or self.all("refused") or self.all("closed"):
            return False
        self.order("clear")
        cleared = self.wait("cleared")
        assert self.usable, self._story()
        self.forget()
        return cleared["calls"] == 0 and len(self._trunks) < MOST_TRUNKS

    def end(self) -> None:
        """End it, and see that no leg was left without its LegHungUp."""
        super().end()
        if not self._killed and not self.all("refused"):
            assert self.wait("closed", deadline_s=0)["legs"] == 0, self._story()


class Phone(Party):
    """A softphone: sip/softphone.py."""

    def __init__(self, cache_dir: Path, script: Script, *options: str) -> None:
        """`options`: more of its command line, such as "--bind", "::1"."""
        super().__init__(
            "-m", "sip.softphone", "--script", script.to_json(), "--cache", str(cache_dir), *options
        )
        self._loading = False

    @property
    def uri(self) -> str:
        """What to dial."""
        address = self.wait("ready")["address"]
        if self._loading:
            self.wait("script")
        return f"sip:100@{address}"

    def load(self, script: Script) -> None:
        """Take another script for the calls to come; codecs and jitter buffer stay what they were."""
        self.forget()
        self._loading = True
        self.say(f"script {script.to_json()}")

    def clear(self) -> bool:
        """Hang up what a test left, and wait until it is over here too.

        Returns:
            Whether the next test may have it.

        Raises:
            AssertionError: the call did not end, or the process complained.
        """
        if self._killed or self.process.poll() is not None:
            return False
        n_calls = len(self.all("incoming"))
        if len(self.all("ended")) < n_calls:
            self.say("hangup")
        self.wait_for("captured", n_calls)
        assert self.usable, self._story()
        return not self.all("ignored", order="script")
