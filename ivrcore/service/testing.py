"""A service without processes and sockets: real store and rules, a dispatcher and pushes that remember."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed

from ivrcore.service.calls import Calls, Rules
from ivrcore.service.content.files import keep
from ivrcore.service.model import (
    Account,
    ClientApp,
    Number,
    Push,
    Review,
    Service,
    Template,
    VoiceFile,
)
from ivrcore.service.orders import Desk
from ivrcore.service.rules.quota import Frequency, Ports, Rate
from ivrcore.service.sections import BillingSettings, CallSettings, FrequencySettings
from ivrcore.service.settle import Bookkeeping, Told
from ivrcore.service.store import accounts, content, numbers
from ivrcore.service.store.testing import ImmediateDatabase
from ivrcore.service.workers.errors import NoWorker
from ivrcore.service.workers.job import Job
from sip.manual_reactor import ManualReactor

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)
DISPLAY_A, DISPLAY_B, BIND = "+8675528000001", "+8675528000002", "+8675528009999"
A, B = "+8613800138001", "+8613800138002"


class HeldDispatcher:
    """Takes jobs and lets the test decide what becomes of them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stopped: list[str] = []
        self.full = False
        self.queue: list[Deferred[str]] | None = None
        """A list keeps the jobs waiting in it."""

    def dispatch(self, job: Job) -> "Deferred[str]":
        """As Supervisor.dispatch."""
        self.jobs.append(job)
        if self.full:
            return fail(NoWorker("every leg is taken"))
        if self.queue is not None:
            waiting: Deferred[str] = Deferred()
            self.queue.append(waiting)
            return waiting
        return succeed("w1")

    def stop_call(self, session: str) -> "Deferred[bool]":
        """As Supervisor.stop_call."""
        self.stopped.append(session)
        return succeed(True)


@dataclass
class RememberedPushes:
    """What would have been pushed."""

    pushed: list[Push] = field(default_factory=list)

    wakes: int = 0

    def wake(self) -> None:
        """As Pushes.wake."""
        self.wakes += 1

    def notify(self, push: Push) -> None:
        """As Pushes.notify."""
        self.pushed.append(push)

    @property
    def kinds(self) -> list[str]:
        """The event types, in order."""
        return [str(push.body["eventType"]) for push in self.pushed]


class Bench:
    """An account with an application of each service, two numbers, two files, a template; and its calls."""

    def __init__(
        self, directory: Path, *, durable: bool = False, settings: CallSettings | None = None
    ) -> None:
        self.clock = ManualReactor()
        self.database = ImmediateDatabase(directory)
        self.dispatcher = HeldDispatcher()
        self.pushes = RememberedPushes()
        self.ports = Ports()
        self.told: list[Told] = []
        self.voices = directory / "voices"
        self.apps = self._make_apps()
        self.books = Bookkeeping(
            host="callenabler1.example.com",
            record_domain="record.example.com",
            bucket="sp-demo",
            prices=BillingSettings(),
            durable=durable,
        )
        self.calls = Calls(
            self.database,
            self.dispatcher,
            self.pushes,
            Rules(
                self.ports,
                Rate(self.clock, queue_length=2, queue_wait_s=1.0),
                Frequency(FrequencySettings(enabled=True), self.now),
            ),
            Desk(settings or CallSettings(), self.voices),
            self.books,
            clock=self.clock,
            now=self.now,
            observe=self.told.append,
        )

    def now(self) -> datetime:
        """The time of the bench's clock."""
        return NOW + timedelta(seconds=self.clock.seconds())

    def app(self, service: Service) -> ClientApp:
        """The application of a service, as it is now."""
        app = self.database.run_now(accounts.app, self.apps[service])
        assert app is not None
        return app

    def _make_apps(self) -> dict[Service, str]:
        account = self.database.run_now(accounts.add_account, Account(0, "demo", "demo_sp"))
        keys: dict[Service, str] = {}
        for service in Service:
            app = ClientApp(
                app_key=f"key-{service.value}",
                secret="secret",
                account=account,
                name=service.value,
                service=service,
                recording=service is Service.CALLBACK,
                status_url="http://sp.example.com/status",
                fee_url="http://sp.example.com/fee",
            )
            self.database.run_now(accounts.add_app, app, NOW)
            keys[service] = app.app_key
        for display in (DISPLAY_A, DISPLAY_B):
            number = Number(display, account.id, None, bind_number=BIND, shared=True)
            self.database.run_now(numbers.add_number, number, NOW)
        voice = VoiceFile(account.id, "wait.wav", keep(self.voices, b"audio"), 5, 1000, Review.APPROVED)
        for one in (voice, replace(voice, name="new.wav", state=Review.UPLOADED)):
            self.database.run_now(content.add_voice_file, one, NOW)
        template = Template("t1", account.id, "delivery", "请到${TXT_8}取${NUM_2}件", Review.APPROVED)
        for another in (template, replace(template, id="t2", state=Review.UPLOADED)):
            self.database.run_now(content.add_template, another, NOW)
        return keys
