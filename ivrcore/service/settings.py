"""Everything about the service that can be set: one TOML file, and environment variables over it.

A setting `port` of section `http` is `IVRCORE_HTTP__PORT` in the environment; lists are given there as JSON.
Paths are relative to the file. What an account, an application or a number may do is in the store, not here.
"""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.sections import (
    ApiSection,
    BillingSettings,
    CallSettings,
    HttpSettings,
    NotifySettings,
    OpsSettings,
    RecordingSettings,
    RetentionSettings,
    SpeechSection,
    StoreSettings,
    TrunkSettings,
    WorkersSettings,
)
from sip.address import family_towards
from sip.errors import SipConfigError
from sip.routes import Route, Routes
from sip.trunk import Trunk

ENVIRONMENT = "IVRCORE_"


class SettingsError(ValueError):
    """A settings file or value that cannot be used; the text is one line that names the key."""


class ServiceSettings(BaseSettings):
    """All settings of the service."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        validate_default=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(
        default=Path("ivrcore-data"),
        description="Database, recordings, captures, spools and prepared prompts.",
    )
    http: HttpSettings = HttpSettings()
    api: ApiSection = ApiSection()
    store: StoreSettings = StoreSettings()
    workers: WorkersSettings = WorkersSettings()
    trunks: tuple[TrunkSettings, ...] = ()
    calls: CallSettings = CallSettings()
    speech: SpeechSection = SpeechSection()
    notify: NotifySettings = NotifySettings()
    billing: BillingSettings = BillingSettings()
    retention: RetentionSettings = RetentionSettings()
    recording: RecordingSettings = RecordingSettings()
    ops: OpsSettings = OpsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, whose content arrives as arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _trunks_fit(self) -> Self:
        names = [trunk.name for trunk in self.trunks]
        if len(set(names)) != len(names):
            raise ValueError("trunks: two have the same name")
        if sum(not trunk.prefixes for trunk in self.trunks) > 1:
            raise ValueError("trunks: more than one has no prefixes")
        try:
            self.routes()
        except SipConfigError as error:
            raise ValueError(f"trunks: {error}") from None
        for entry in self.trunks:
            trunk = entry.trunk()
            try:
                ours = self.workers.endpoint().addresses
                family_towards(trunk.next_hop(f"sip:{trunk.host}"), ours, trunk.family)
            except SipConfigError as error:
                raise ValueError(f"trunks: {entry.name}: {error}") from None
        return self

    @property
    def database_url(self) -> str:
        """Where the store is."""
        return self.store.url or f"sqlite:///{self.data_dir / 'ivrcore.db'}"

    @property
    def run_dir(self) -> Path:
        """Sockets, locks and spools of workers."""
        return self.data_dir / "run"

    @property
    def recordings_dir(self) -> Path:
        """Finished recordings."""
        return self.recording.directory or self.data_dir / "recordings"

    @property
    def captures_dir(self) -> Path:
        """Recordings being made."""
        return self.data_dir / "captures"

    @property
    def cache_dir(self) -> Path:
        """Rendered speech and prepared prompts."""
        return self.data_dir / "cache"

    @property
    def cdr_spool_dir(self) -> Path:
        """CDRs that could not be pushed (FAQ 9.6)."""
        return self.data_dir / "cdr-spool"

    def api_settings(self) -> ApiSettings:
        """What the API takes: its own section, and what it has in common with others."""
        return ApiSettings(
            **{name: getattr(self.api, name) for name in ApiSection.model_fields},
            sip_uris=self.calls.lab,
            record_domain=self.recording.domain,
            record_base_url=self.recording.base_url,
            record_url_life_s=self.recording.link_lifetime_s,
            record_key=self.recording.link_secret.get_secret_value(),
            max_body_bytes=self.http.max_body_bytes,
            max_upload_bytes=self.http.max_upload_bytes,
            upload_timeout_s=self.http.upload_timeout_s,
            max_headers=self.http.max_headers,
            max_header_bytes=self.http.max_header_bytes,
            request_timeout_s=self.http.read_timeout_s,
            idle_timeout_s=self.http.idle_timeout_s,
        )

    def routes(self) -> Routes:
        """Where numbers go.

        Raises:
            SipConfigError: the trunks do not go together.
        """
        trunks = {entry.name: entry.trunk(self.workers.codecs) for entry in self.trunks}
        default = [trunks[entry.name] for entry in self.trunks if not entry.prefixes]
        by_prefix = [Route(prefix, trunks[entry.name]) for entry in self.trunks for prefix in entry.prefixes]
        return Routes(default[0] if default else Trunk(codecs=self.workers.codecs), tuple(by_prefix))


def load(path: Path | None) -> ServiceSettings:
    """Read the file and the environment; without a file, defaults and the environment.

    Raises:
        SettingsError: no such file, no TOML, or a value that cannot be; one line.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not TOML: {error}") from None
    try:
        settings = ServiceSettings(**content)
    except ValidationError as error:
        raise SettingsError(_in_one_line(error, path)) from None
    except SourceError as error:
        named = re.search(r'field "(\w+)"', str(error))
        key = named[1] if named else "?"
        raise SettingsError(f"environment: {key}: a list or a section must be given as JSON") from None
    return settings if path is None else anchored(settings, path.parent)


def anchored(settings: ServiceSettings, directory: Path) -> ServiceSettings:
    """The same settings with relative paths made to start at `directory`."""
    changes: dict[str, object] = {"data_dir": directory / settings.data_dir}
    for name in type(settings).model_fields:
        section = getattr(settings, name)
        if isinstance(section, BaseModel):
            moved = {
                key: directory / value
                for key in type(section).model_fields
                if isinstance(value := getattr(section, key), Path)
            }
            if moved:
                changes[name] = section.model_copy(update=moved)
    return settings.model_copy(update=changes)


def _in_one_line(error: ValidationError, path: Path | None) -> str:
    """The first thing wrong, by its key as a person wrote it, without the value of a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = [str(part) for part in first["loc"]]
    key = ".".join(where) or "settings"
    variable = ENVIRONMENT + "__".join(where).upper()
    present = {name.upper() for name in os.environ}
    source = f"environment {variable}" if variable in present else str(path or "environment")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "no such setting" + _perhaps(where)
    elif isinstance(first["input"], (str, int, float, bool)) and where[-1:] not in (
        ["password"],
        ["url"],
        ["link_secret"],
    ):
        message += f" (is {first['input']!r})"
    return " ".join(f"{source}: {key}: {message}".split())


def _perhaps(where: list[str]) -> str:
    """What may have been meant by a key there is none of."""
    model: type[BaseModel] = ServiceSettings
    for part in filter(lambda part: not part.isdigit(), where[:-1]):  # what is left are names
        field = model.model_fields.get(part)
        if field is None:
            return ""
        inner = section_of(field)
        model = inner or model
    near = difflib.get_close_matches(where[-1], model.model_fields, n=1)
    return f", perhaps {near[0]} is meant" if near else ""


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section a field holds, or a list's sections; None for a plain setting."""
    for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
