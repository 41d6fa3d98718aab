"""The demo's platform: `ivrcore serve` as a child process, one account, its numbers, files and templates."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ivrcore.service.content.files import keep
from ivrcore.service.model import Account, ClientApp, Number, Review, Service, Template, VoiceFile
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.serve import address_of
from ivrcore.service.settings import load
from ivrcore.service.store import accounts, cdrs, content, numbers
from ivrcore.service.wiring import utc_now
from media.level import level_dbm0, peak_dbm0
from media.wav import read_pcm
from sip.errors import SipError

START_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True)
class Stock:
    """What the customer has at the platform.

    Attributes:
        trunks: host:port by called number.
        numbers: fixed lines to be shown.
        voices: files by name. templates: texts by id.
    """

    trunks: Mapping[str, str]
    numbers: tuple[str, ...]
    voices: Mapping[str, Path] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


class Platform:
    """One data directory and the service on it."""

    def __init__(self, data: Path, recordings: Path, *, trace: Path | None) -> None:
        """`recordings`: where finished ones go. `trace`: where the worker's SIP messages go."""
        self.data = data
        self.config = data / "ivrcore.toml"
        self._recordings = recordings
        self._trace = trace
        self._process: _Serving | None = None
        self.keys: dict[Service, tuple[str, str]] = {}

    def prepare(self, stock: Stock) -> None:
        """Write the settings and fill the store.

        Raises:
            SettingsError, StoreError, MediaError, OSError: it cannot be done.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        trunks = "".join(
            f'[[trunks]]\nname = "t{n}"\nhost = "{host}"\nprefixes = ["{number}"]\n'
            for n, (number, host) in enumerate(stock.trunks.items())
        )
        self.config.write_text(
            'data_dir = "."\n[http]\nport = 0\nshutdown_s = 1.0\n'
            f"[workers]\ncount = 1\ntrace = {str(self._trace is not None).lower()}\n"
            "[notify]\nallow_private = true\nmerge_wait_s = 0.1\n"
            f"[calls]\nring_timeout_s = 600\n[recording]\ndirectory = {json.dumps(str(self._recordings))}\n"
            f"{trunks}",
            encoding="utf-8",
        )
        with offline_store(load(self.config), upgrade=True) as store:
            account = store.run_now(accounts.add_account, Account(0, "demo", "demo"))
            for service in (Service.CALLBACK, Service.NOTIFICATION):
                self.keys[service] = (f"demo-{service.value}", os.urandom(16).hex())
                app = ClientApp(*self.keys[service], account, service.value, service, recording=True)
                store.run_now(accounts.add_app, app, utc_now())
            for number in stock.numbers:
                store.run_now(numbers.add_number, Number(number, account.id, None, shared=True), utc_now())
            for name, path in stock.voices.items():
                store.run_now(content.add_voice_file, self._voice(account.id, name, path), utc_now())
            for template, text in stock.templates.items():
                row = Template(template, account.id, template, text, Review.APPROVED)
                store.run_now(content.add_template, row, utc_now())

    def _voice(self, account_id: int, name: str, path: Path) -> VoiceFile:
        audio, pcm = path.read_bytes(), read_pcm(path)
        sha256 = keep(self.data / "voices", audio)
        return VoiceFile(
            account_id,
            name,
            sha256,
            len(audio),
            pcm.size // 8,
            Review.APPROVED,
            level_dbm0=level_dbm0(pcm),
            peak_dbm0=peak_dbm0(pcm),
        )

    async def start(self, reactor: Any, *, clock_scale: float) -> str:
        """Start the service; where its API is.

        Raises:
            SipError: it ended before it served; the text is its last word.
        """
        environment = {**os.environ, "IVRCORE_CALLS__CLOCK_SCALE": f"{clock_scale:g}"}
        self._process = _Serving()
        arguments = [sys.executable, "-m", "ivrcore", "serve", "-c", str(self.config)]
        reactor.spawnProcess(self._process, sys.executable, arguments, env=environment)
        end_s = reactor.seconds() + START_S
        while not (address := address_of(self.data)):
            if self._process.ended.called or reactor.seconds() > end_s:
                raise SipError(f"the service did not start: {self._process.last_word}")
            await deferLater(reactor, POLL_S, lambda: None)
        return address

    async def stop(self) -> None:
        """End the service in order; fine when it does not run."""
        if self._process is not None:
            if self._trace is not None:  # a worker's directory goes with it
                for log in self.data.glob("run/workers/*/sip.log"):
                    with self._trace.open("ab") as kept:
                        kept.write(log.read_bytes())
            self._process.end()
            await self._process.ended
            self._process = None

    def record(self, session: str) -> dict[str, Any]:
        """The platform's own record of a call, as `ivrcore call --json` prints it."""
        with offline_store(load(self.config)) as store:
            cdr = store.run_now(cdrs.cdr, session)
        assert cdr is not None, "a session has a CDR"
        return dict(cdr.record)


class _Serving(ProcessProtocol):
    """The process."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self._said = b""

    @property
    def last_word(self) -> str:
        """The last line it wrote."""
        lines = self._said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no word"

    def end(self) -> None:
        """SIGTERM."""
        if not self.ended.called and self.transport is not None:
            cast(Any, self.transport).signalProcess("TERM")

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        """Its log."""
        self._said = (self._said + data)[-10_000:]

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        """Whatever it prints."""
        self.errReceived(data)

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002, N802
        """It is gone."""
        self.ended.callback(None)
