"""What Prometheus reads, and how late the reactor is."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ivrcore.service.model import PushKind, Service
from ivrcore.service.ops.metrics import CONTENT_TYPE, LoopLag, Metrics, Snapshot
from sip.manual_reactor import ManualReactor

CALL = "/rest/httpsessions/click2Call/v2.0"


def read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by name and labels."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return read(metrics).get((f"ivrcore_{name}", tuple(sorted(labels.items()))))


def quiet() -> Metrics:
    return Metrics(Snapshot, version="1.2", paths=[CALL])


def test_calls_are_counted_by_service_and_state_code() -> None:
    metrics = quiet()
    metrics.call_accepted(Service.CALLBACK)
    metrics.call_accepted(Service.CALLBACK)
    metrics.call_ended(Service.CALLBACK, 0)
    metrics.call_ended(Service.NOTIFICATION, 8020)
    assert value(metrics, "calls_accepted_total", service="callback") == 2
    assert value(metrics, "calls_ended_total", service="callback", state_code="0") == 1
    assert value(metrics, "calls_ended_total", service="notification", state_code="8020") == 1


def test_gauges_are_asked_for_at_each_reading() -> None:
    now = Snapshot()
    metrics = Metrics(lambda: now)
    assert value(metrics, "legs", kind="free") == 0
    now = Snapshot(
        calls={(Service.CALLBACK, "running"): 3, (Service.NOTIFICATION, "queued"): 1},
        legs_free=2,
        legs_total=8,
        workers=2,
        worker_restarts=5,
        outbox={PushKind.FEE: (7, 3600.5)},
    )
    assert value(metrics, "calls", service="callback", state="running") == 3
    assert value(metrics, "calls", service="notification", state="queued") == 1
    assert value(metrics, "legs", kind="free") == 2
    assert value(metrics, "legs", kind="total") == 8
    assert value(metrics, "workers") == 2
    assert value(metrics, "worker_restarts") == 5
    assert value(metrics, "outbox_depth", kind="fee") == 7
    assert value(metrics, "outbox_oldest_age_seconds", kind="fee") == 3600.5


def test_empty_outbox_is_zero_and_not_absent() -> None:
    """An alarm on an absent series never rings."""
    metrics = quiet()
    for kind in ("status", "fee"):
        assert value(metrics, "outbox_depth", kind=kind) == 0
        assert value(metrics, "outbox_oldest_age_seconds", kind=kind) == 0


def test_requests_are_counted_by_path_and_resultcode() -> None:
    metrics = quiet()
    metrics.request_answered(CALL, "0", 0.004)
    metrics.request_answered(CALL, "1020165", 0.002)
    assert value(metrics, "api_requests_total", path=CALL, resultcode="0") == 1
    assert value(metrics, "api_requests_total", path=CALL, resultcode="1020165") == 1
    assert value(metrics, "api_request_seconds_count", path=CALL) == 2
    assert value(metrics, "api_request_seconds_bucket", path=CALL, le="0.0025") == 1


def test_paths_of_strangers_make_no_series() -> None:
    metrics = quiet()
    for index in range(100):
        metrics.request_answered(f"/wp-admin/{index}", "404", 0.001)
    assert value(metrics, "api_requests_total", path="other", resultcode="404") == 100
    paths = {dict(labels).get("path") for name, labels in read(metrics) if "api_request" in name}
    assert paths == {"other"}


def test_pushes_are_counted_with_their_latency() -> None:
    metrics = quiet()
    metrics.push_ended(PushKind.STATUS, 0.02, delivered=True)
    metrics.push_ended(PushKind.STATUS, 10.0, delivered=False)
    metrics.push_ended(PushKind.FEE, 0.2, delivered=True)
    assert value(metrics, "webhook_pushes_total", kind="status", outcome="delivered") == 1
    assert value(metrics, "webhook_pushes_total", kind="status", outcome="failed") == 1
    assert value(metrics, "webhook_seconds_bucket", kind="status", le="0.025") == 1
    assert value(metrics, "webhook_seconds_bucket", kind="status", le="10.0") == 2
    assert value(metrics, "webhook_seconds_sum", kind="fee") == pytest.approx(0.2)


def test_version_is_in_a_label() -> None:
    assert value(quiet(), "build", version="1.2") == 1


def test_two_services_in_a_process_do_not_share_counters() -> None:
    one, two = quiet(), quiet()
    one.call_accepted(Service.CALLBACK)
    assert value(two, "calls_accepted_total", service="callback") is None


def test_text_is_what_prometheus_reads() -> None:
    text = quiet().render().decode()
    assert CONTENT_TYPE.startswith("text/plain")
    assert text.endswith("\n")
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    assert all(family.name.startswith("ivrcore_") for family in families)


class Late(ManualReactor):
    """A reactor that can be held up."""

    def hold_up(self, seconds: float) -> None:
        self.clock.rightNow += seconds


def test_reactor_in_time_has_no_lag() -> None:
    reactor, told = ManualReactor(), list[float]()
    lag = LoopLag(reactor, told.append, every_s=0.25)
    lag.start()
    reactor.advance(1.0)
    assert told == [0.0] * 4
    lag.stop()


def test_lag_is_what_a_call_comes_late() -> None:
    reactor, told = Late(), list[float]()
    lag = LoopLag(reactor, told.append, every_s=0.25)
    lag.start()
    reactor.hold_up(0.75)
    reactor.advance()
    assert told == [0.5]
    assert lag.latest_s == 0.5
    reactor.advance(0.25)
    assert told == [0.5, 0.0]
    lag.stop()


def test_lag_goes_into_the_histogram() -> None:
    metrics, reactor = quiet(), Late()
    lag = LoopLag(reactor, metrics.lagged, every_s=0.25)
    lag.start()
    reactor.hold_up(0.5)
    reactor.advance()
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.1") == 0
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.25") == 1
    lag.stop()


def test_measurement_can_be_ended_and_begun_again() -> None:
    reactor, told = ManualReactor(), list[float]()
    lag = LoopLag(reactor, told.append, every_s=0.25)
    lag.start()
    lag.start()
    lag.stop()
    lag.stop()
    assert reactor.pending() == 0
    reactor.advance(1)
    assert told == []
    lag.start()
    reactor.advance(0.25)
    assert told == [0.0]
    lag.stop()
    assert reactor.pending() == 0
