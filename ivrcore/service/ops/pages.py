"""/metrics and /health, beside the API on the same port."""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import ipaddress
import json
from collections.abc import Sequence

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ivrcore.service.ops.health import Health, HealthCheck
from ivrcore.service.ops.metrics import CONTENT_TYPE, Metrics


class MetricsPage(Resource):
    """What Prometheus reads; to others it is not there."""

    isLeaf = True  # noqa: N815

    def __init__(self, metrics: Metrics, readers: Sequence[str]) -> None:
        """`readers`: the networks that may read."""
        super().__init__()
        self._metrics = metrics
        self._readers = tuple(ipaddress.ip_network(reader) for reader in readers)

    def render_GET(self, request: Request) -> bytes:  # noqa: N802
        """The counters, or 404."""
        if not self._may_read(request.getClientAddress().host):
            request.setResponseCode(404)
            return b""
        request.responseHeaders.setRawHeaders(b"content-type", [CONTENT_TYPE.encode()])
        return self._metrics.render()

    def _may_read(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._readers)


class HealthPage(Resource):
    """200 while calls can be taken, else 503; a JSON document in both cases."""

    isLeaf = True  # noqa: N815

    def __init__(self, check: HealthCheck) -> None:
        super().__init__()
        self._check = check

    def render_GET(self, request: Request) -> int:  # noqa: N802
        """Asks the store, so the answer comes later."""
        gone: list[bool] = []
        request.notifyFinish().addErrback(lambda _: gone.append(True))

        def answer(health: Health) -> None:
            if gone:
                return
            request.setResponseCode(health.status)
            request.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
            request.write(json.dumps(health.document).encode() + b"\n")
            request.finish()

        self._check.check().addCallback(answer)
        return NOT_DONE_YET
