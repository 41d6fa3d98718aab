"""What a worker is told at its start: one JSON file in its directory, readable by this user alone.

It holds the trunks' passwords, so it is never logged.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ivrcore.service.workers.errors import WorkerError
from media.speech.choice import SpeechSettings
from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.routes import Route, Routes
from sip.trunk import Trunk


@dataclass(frozen=True)
class WorkerSettings:
    """Of one worker; all of a front end's have the same but for the SIP port.

    Attributes:
        recordings_dir: finished recordings; the front end stores their paths.
        cache_dir: rendered speech and unrolled loops, shared by all workers.
        endpoint: its trace_file, if any, is replaced by one in the worker's directory.
        routes: where numbers go.
        clock_scale, ringback_country, speech: see ivrcore.app.Settings.
        orphan_s: a worker without calls and without a front end ends after so long.
        stop_s: a worker that is told to go by a signal ends its calls after so long.
    """

    recordings_dir: Path
    cache_dir: Path
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    routes: Routes = field(default_factory=Routes)
    clock_scale: float = 1.0
    ringback_country: str = "CN"
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    orphan_s: float = 300.0
    stop_s: float = 0.0

    def numbered(self, number: int) -> "WorkerSettings":
        """Those of the worker so many after the first: each port that was chosen is so much higher."""
        sip, tls = self.endpoint.sip_port, self.endpoint.tls_port
        endpoint = replace(
            self.endpoint, sip_port=sip + number if sip else 0, tls_port=tls + number if tls else tls
        )
        return replace(self, endpoint=endpoint)

    def save(self, path: Path) -> None:
        """Write it, for this user's eyes.

        Raises:
            WorkerError: it cannot be written.
        """
        raw = asdict(self)
        text = json.dumps(raw, ensure_ascii=False, indent=1, default=_plain)
        try:
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
                file.write(text)
        except OSError as error:
            raise WorkerError(f"{path}: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> "WorkerSettings":
        """Read it.

        Raises:
            WorkerError: it cannot be read, or is none; the text does not quote it.
        """
        try:
            return _settings(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise WorkerError(f"{path}: {error.strerror}") from error
        except SipConfigError as error:
            raise WorkerError(f"{path}: {error}") from error
        except (ValueError, KeyError, TypeError):
            raise WorkerError(f"{path}: no settings of a worker") from None


def _settings(raw: dict[str, Any]) -> WorkerSettings:
    endpoint = raw["endpoint"]
    endpoint["codecs"] = tuple(endpoint["codecs"])
    for name in ("cache_dir", "trace_file"):
        endpoint[name] = None if endpoint[name] is None else Path(endpoint[name])
    routes = raw["routes"]
    raw["endpoint"] = EndpointSettings(**endpoint)
    raw["routes"] = Routes(
        _trunk(routes["default"]),
        tuple(Route(route["prefix"], _trunk(route["trunk"])) for route in routes["by_prefix"]),
    )
    raw["recordings_dir"], raw["cache_dir"] = Path(raw["recordings_dir"]), Path(raw["cache_dir"])
    raw["speech"] = SpeechSettings(**raw["speech"])
    return WorkerSettings(**raw)


def _trunk(raw: Mapping[str, Any]) -> Trunk:
    return Trunk(**{**raw, "codecs": tuple(raw["codecs"])})


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return str(value.absolute())
    raise TypeError(type(value).__name__)
