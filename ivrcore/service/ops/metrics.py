"""What Prometheus reads at /metrics: counters of what happened, gauges asked for at each reading.

A registry of its own, so that two services in one process (tests) do not meet. Labels have few values: never
a number, a session or an application.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ivrcore.service.model import PushKind, Service
from sip.reactor import DelayedCall, ReactorTime

_Labels = TypeVar("_Labels", bound=tuple[str, ...])

CONTENT_TYPE = CONTENT_TYPE_LATEST

OTHER = "other"
"""Stands for every path that is none of the API's: strangers' paths would fill the memory."""

WEBHOOK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


@dataclass(frozen=True)
class Snapshot:
    """What is so at the moment of reading.

    Attributes:
        calls: how many of a service are in a state ("queued", "running", or whatever is told).
        outbox: by kind, how many pushes wait, and for how long the oldest has.
    """

    calls: Mapping[tuple[Service, str], int] = field(default_factory=dict)
    legs_free: int = 0
    legs_total: int = 0
    workers: int = 0
    worker_restarts: int = 0
    outbox: Mapping[PushKind, tuple[int, float]] = field(default_factory=dict)


class Metrics:
    """All of them. `snapshot` is asked at each reading, on the reader's thread; it must not wait."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], *, version: str = "", paths: Iterable[str] = ()
    ) -> None:
        """`paths`: those of the API; requests for others are counted as `other`."""
        self.registry = CollectorRegistry()
        self._paths = frozenset(paths)
        self._accepted = self._counter("calls_accepted", "Requests that became a call.", "service")
        self._ended = self._counter("calls_ended", "Calls that ended.", "service", "state_code")
        self._requests = self._counter("api_requests", "Requests answered.", "path", "resultcode")
        self._pushes = self._counter("webhook_pushes", "Pushes tried.", "kind", "outcome")
        self._request_s = self._histogram(
            "api_request_seconds", "From a request to its answer.", REQUEST_BUCKETS_S, "path"
        )
        self._webhook_s = self._histogram(
            "webhook_seconds", "From the start of a push to its answer.", WEBHOOK_BUCKETS_S, "kind"
        )
        self._lag_s = self._histogram(
            "event_loop_lag_seconds", "How late the reactor made a call that was due.", LAG_BUCKETS_S
        )
        self.registry.register(_Gauges(snapshot, version))

    def call_accepted(self, service: Service) -> None:
        """A request became a call."""
        self._accepted.labels(service.value).inc()

    def call_ended(self, service: Service, state_code: int) -> None:
        """A call's CDR is complete."""
        self._ended.labels(service.value, str(state_code)).inc()

    def request_answered(self, path: str, resultcode: str, seconds: float) -> None:
        """A request got its answer."""
        known = path if path in self._paths else OTHER
        self._requests.labels(known, resultcode).inc()
        self._request_s.labels(known).observe(seconds)

    def push_ended(self, kind: PushKind, seconds: float, *, delivered: bool) -> None:
        """A push was answered, or given up for now."""
        self._pushes.labels(kind.value, "delivered" if delivered else "failed").inc()
        self._webhook_s.labels(kind.value).observe(seconds)

    def lagged(self, seconds: float) -> None:
        """The reactor was so late."""
        self._lag_s.observe(seconds)

    def render(self) -> bytes:
        """The text Prometheus reads; its type is CONTENT_TYPE."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace="ivrcore", registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace="ivrcore", buckets=buckets, registry=self.registry)


class _Gauges(Collector):
    """What is asked for at each reading."""

    def __init__(self, snapshot: Callable[[], Snapshot], version: str) -> None:
        self._snapshot = snapshot
        self._version = version

    def collect(self) -> Iterable[Metric]:
        now = self._snapshot()
        yield _gauge("build", "The version, in its label.", ("version",), {(self._version,): 1})
        calls = {(service.value, state): count for (service, state), count in now.calls.items()}
        yield _gauge("calls", "Calls by service and state.", ("service", "state"), calls)
        legs = {("free",): now.legs_free, ("total",): now.legs_total}
        yield _gauge("legs", "Legs of all workers.", ("kind",), legs)
        yield _gauge("workers", "Worker processes that answer.", (), {(): now.workers})
        yield _gauge("worker_restarts", "Workers replaced since the start.", (), {(): now.worker_restarts})
        depths = {(kind.value,): now.outbox.get(kind, (0, 0.0))[0] for kind in PushKind}
        yield _gauge("outbox_depth", "Pushes that wait.", ("kind",), depths)
        ages = {(kind.value,): now.outbox.get(kind, (0, 0.0))[1] for kind in PushKind}
        yield _gauge("outbox_oldest_age_seconds", "How long the oldest waits.", ("kind",), ages)

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry would ask the snapshot before there is one."""
        return ()


class LoopLag:
    """Measures how late the reactor is: a call is asked for every so often, and comes when it comes."""

    def __init__(self, clock: ReactorTime, tell: Callable[[float], object], *, every_s: float = 0.25) -> None:
        self._clock = clock
        self._tell = tell
        self._every_s = every_s
        self._next: DelayedCall | None = None
        self._due_s = 0.0
        self.latest_s = 0.0

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._next is None:
            self._ask()

    def stop(self) -> None:
        """End; it can be started again."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _ask(self) -> None:
        self._due_s = self._clock.seconds() + self._every_s
        self._next = self._clock.callLater(self._every_s, self._came)

    def _came(self) -> None:
        self.latest_s = max(0.0, self._clock.seconds() - self._due_s)
        self._ask()
        self._tell(self.latest_s)


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[_Labels, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"ivrcore_{name}", text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family
