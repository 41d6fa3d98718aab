"""A service on this machine: settings, store and `ivrcore serve` as a process that can be killed and started.

Customers' rows are put into the store by its own functions before the service runs, as `ivrcore init` does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy as np
from sqlalchemy import Connection

from ivrcore.service.content.files import keep
from ivrcore.service.model import (
    Account,
    ClientApp,
    Number,
    Review,
    Service,
    Template,
    VoiceFile,
)
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.settings import load
from ivrcore.service.store import accounts, calls, cdrs, content, numbers
from ivrcore.service.wiring import utc_now
from media.testsignal import talk
from media.wav import write_alaw
from tests.e2e.service.customer import Customer, Receiver

ROOT = Path(__file__).parents[3]
DISPLAY_A, DISPLAY_B, BIND = "+8675528000001", "+8675528000002", "+8675528009999"
START_S = 40.0
STOP_S = 45.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Keys:
    """Of one application."""

    app_key: str
    secret: str = field(repr=False)


class House:
    """One data directory, its settings, and the service that runs on it."""

    def __init__(
        self,
        directory: Path,
        trunks: Mapping[str, str],
        *,
        workers: int = 1,
        more: str = "",
        notify: str = "",
        work: str = "",
        concurrency: int = 10,
    ) -> None:
        """Write the settings and fill the store.

        Args:
            trunks: host:port by number prefix; "" for what has none.
            more: further sections of the settings file. notify, work: further lines of its sections on
                notifications and on workers.
        """
        self.data = directory / "data"
        self.config = directory / "ivrcore.toml"
        self._concurrency = concurrency
        self._log = directory / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.config.write_text(
            'data_dir = "data"\n'
            "[http]\nport = 0\nshutdown_s = 5.0\n"
            f"[workers]\ncount = {workers}\nbackoff_min_s = 0.1\norphan_s = 60.0\n{work}\n"
            f"[notify]\nallow_private = true\nmerge_wait_s = 0.2\n{notify}\n"
            f"{more}\n{''.join(map(_trunk, range(len(trunks)), trunks, trunks.values()))}",
            encoding="utf-8",
        )
        self.settings = load(self.config)
        self.apps: dict[Service, Keys] = {}
        self.voices: dict[str, Path] = {}
        self._fill(directory)

    # -- what customers have ------------------------------------------------------------------------------

    def _fill(self, directory: Path) -> None:
        self.data.mkdir(parents=True)
        with offline_store(self.settings, upgrade=True) as store:
            account = store.run_now(accounts.add_account, Account(0, "demo", "demo_sp"))
            for service in Service:
                keys = Keys(f"key{service.value}", f"secret{service.value}")
                app = ClientApp(
                    keys.app_key,
                    keys.secret,
                    account,
                    service.value,
                    service,
                    recording=service is Service.CALLBACK,
                    concurrency=self._concurrency,
                )
                store.run_now(accounts.add_app, app, utc_now())
                self.apps[service] = keys
            for display in (DISPLAY_A, DISPLAY_B):
                number = Number(display, account.id, None, bind_number=BIND, shared=True)
                store.run_now(numbers.add_number, number, utc_now())
            template = Template("t1", account.id, "delivery", "请到${TXT_8}取${NUM_2}件", Review.APPROVED)
            store.run_now(content.add_template, template, utc_now())
            for n, name in enumerate(("one.wav", "two.wav", "hint.wav")):
                path = directory / name
                # Two packets of silence first, as in rendered speech: a telephone may lose its first one.
                write_alaw(path, np.concatenate([np.zeros(320, np.int16), talk(40 + n, 1.0 + n / 2)]))
                voice = VoiceFile(
                    account.id,
                    name,
                    keep(self.data / "voices", path.read_bytes()),
                    path.stat().st_size,
                    1000 + 500 * n,
                    Review.APPROVED,
                )
                store.run_now(content.add_voice_file, voice, utc_now())
                self.voices[name] = path

    def customer(self, service: Service) -> Customer:
        """The owner of the application of a service, at the running service."""
        keys = self.apps[service]
        return Customer(self.base, keys.app_key, keys.secret)

    def pushed_to(self, receiver: Receiver) -> dict[str, str]:
        """statusUrl and feeUrl of an order."""
        return {"statusUrl": receiver.encoded("status"), "feeUrl": receiver.encoded("fee")}

    # -- the process --------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            for pid in self.worker_pids():
                os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start the service and wait until it answers."""
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Start the service."""
        self._address_file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ivrcore", "serve", "-c", str(self.config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def wait_until_up(self) -> None:
        """Wait until it answers.

        Raises:
            AssertionError: it ended, or does not come up.
        """
        assert self._process is not None
        end_s = time.monotonic() + START_S
        while not self._address_file.exists():
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise AssertionError(f"the service did not start: {self.log()[-2000:]}")
            time.sleep(0.02)

    @property
    def _address_file(self) -> Path:
        return self.data / "run" / "http.json"

    @property
    def base(self) -> str:
        """Where the API is."""
        return str(json.loads(self._address_file.read_text())["http"])

    @property
    def pid(self) -> int:
        """Of the front end."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL the front end alone.

        Raises:
            AssertionError: it had ended by itself.
        """
        assert self._process is not None
        assert self._process.poll() is None, f"it ended by itself: {self.log()[-2000:]}"
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self, number: int = signal.SIGTERM, deadline_s: float = STOP_S) -> int | None:
        """End it by a signal; its exit status, None when it did not run."""
        if self._process is None:
            return None
        self._process.send_signal(number)
        return self.wait(deadline_s)

    def wait(self, deadline_s: float = STOP_S) -> int:
        """See it end; its exit status."""
        assert self._process is not None
        process, self._process = self._process, None
        try:
            return process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"no end after {deadline_s} s: {self.log()[-2000:]}") from None

    def worker_pids(self) -> list[int]:
        """The workers of this data directory, front end or not."""
        mark = str(self.data)
        pids = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except OSError:
                    continue
                if "worker" in command and any(part.startswith(mark) for part in command):
                    pids.append(int(entry.name))
        return sorted(pids)

    def log(self) -> str:
        """What the front end wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    # -- what is in the store -----------------------------------------------------------------------------

    def ask(self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the store, as another process would."""
        with offline_store(self.settings) as store:
            return store.run_now(question, *args, **kwargs)

    def cdr(self, session: str) -> Any:
        """The CDR row of a session."""
        return self.ask(cdrs.cdr, session)

    def open_sessions(self) -> set[str]:
        """The calls that have not ended."""
        return {call.session for call in self.ask(calls.open_calls)}


def _trunk(n: int, prefix: str, host: str) -> str:
    prefixes = json.dumps([prefix] if prefix else [])
    return f'[[trunks]]\nname = "t{n}"\nhost = "{host}"\nprefixes = {prefixes}\n'
