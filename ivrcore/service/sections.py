"""The sections of the service's settings: what can be set, its default, and its description.

The description is what `ivrcore init` writes above a setting, so it says all that a reader of the file needs.
"""

import ipaddress
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ivrcore.service.api.settings import CreatedZone
from media.errors import MediaFormatError
from media.speech.choice import SpeechSettings
from media.speech.espeak import PARALLEL, TIME_OUT_S
from media.speech.voice import MANDARIN
from media.tone import ringback
from sip.errors import SipConfigError
from sip.trunk import DEFAULT_CODECS, Trunk, check_codecs

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

PortNumber: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86400 * 366, allow_inf_nan=False)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a network (address/bits)") from None
    return values


OptionalPath: TypeAlias = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
Networks: TypeAlias = Annotated[tuple[str, ...], AfterValidator(_networks)]


class NumberPolicy(Enum):
    """Which numbers may be called (ivrcore.service.rules.numbers)."""

    CHINA = "china"
    E164 = "e164"
    ANY = "any"


class BarredPolicy(Enum):
    """What a barred destination gets: no call, or one that fails with 8001 (D14)."""

    REFUSE = "refuse"
    FAIL = "fail"


class NotifyMode(Enum):
    """How status events are pushed: once, as the FAQ says, or until taken, signed, with sequence numbers."""

    STRICT = "strict"
    DURABLE = "durable"


class PushSignature(Enum):
    """The X-AKSK headers of a push: none, the form of 2026 (url, nonce, created), or the older one (D5)."""

    NONE = "none"
    CURRENT = "current"
    LEGACY = "legacy"


class LogFormat(Enum):
    """Of the log: one JSON object a line, or text for a terminal."""

    JSON = "json"
    TEXT = "text"


class Section(BaseModel):
    """A section of the file: its settings cannot be changed, and a misspelt one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """`port = true` would be port 1."""
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("must not be true or false")
        return value


class HttpSettings(Section):
    """Where the API is served."""

    bind: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    plain: bool = Field(default=True, description="Serve HTTP without TLS.")
    port: PortNumber = Field(default=8080, description="TCP port for HTTP; 0 takes a free one.")
    tls_port: PortNumber = Field(default=8443, description="TCP port for HTTPS; 0 takes a free one.")
    certificate: OptionalPath = Field(
        default=None, description="PEM file, certificate and chain. HTTPS is served when it is set."
    )
    key: OptionalPath = Field(default=None, description="PEM file with the key of the certificate.")
    max_body_bytes: int = Field(
        default=65536, ge=1024, le=16_777_216, description="Longest body of a request."
    )
    max_upload_bytes: int = Field(
        default=4_194_304,
        ge=1024,
        le=67_108_864,
        description="Longest body of a voice file's upload, by the admin API.",
    )
    upload_timeout_s: Seconds = Field(default=60.0, description="Such an upload must be whole by then.")
    read_timeout_s: Seconds = Field(default=10.0, description="A client must have sent its request by then.")
    idle_timeout_s: Seconds = Field(
        default=30.0, description="A connection that carries no request is closed after this."
    )
    max_headers: int = Field(default=64, ge=16, le=1024, description="Most headers of a request.")
    max_header_bytes: int = Field(
        default=16_384, ge=1024, le=1_048_576, description="Longest headers of a request, together."
    )
    shutdown_s: Seconds = Field(
        default=30.0, description="On shutdown, how long calls may go on before they are ended."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key must be set together")
        if not self.plain and self.certificate is None:
            raise ValueError("plain is off and no certificate is set: nothing would be served")
        return self


class ApiSection(Section):
    """How the API behaves where the service's documentation leaves it open."""

    created_zone: CreatedZone = Field(
        default=CreatedZone.EITHER,
        description="How Created in X-AKSK is read: utc, utc+8, or either of them (D1).",
    )
    clock_window_s: int = Field(
        default=300, ge=1, le=86400, description="How far Created may be from now, to either side (D2)."
    )
    check_nonce: bool = Field(default=True, description="Refuse a nonce that was used before (D3).")
    block_failures: int = Field(
        default=20,
        ge=1,
        description="Failed authentications of one address within block_window_s that block it (D4).",
    )
    block_window_s: int = Field(default=300, ge=1, description="See block_failures.")
    block_for_s: int = Field(default=1800, ge=1, description="How long an address is blocked.")
    trusted_proxies: Networks = Field(
        default=(), description="Networks of proxies whose X-Forwarded-For tells who asks."
    )
    lenient: bool = Field(
        default=True,
        description="Accept numbers as texts, JSON booleans, and templateParas as JSON text (D27).",
    )
    keep_alive: bool = Field(
        default=False,
        description="Leave connections open between requests; the service is documented to close them.",
    )
    tts_content: bool = Field(default=False, description="Accept ttsContent in a notification (D9).")
    old_logins: bool = Field(default=False, description="Accept fastlogin tokens and X-WSSE.")
    token_life_s: int = Field(default=172_800, ge=60, description="How long a fastlogin token is good.")
    idempotency_wait_s: Seconds = Field(
        default=10.0,
        description="How long the second of two equal requests waits for the first one's answer.",
    )


class StoreSettings(Section):
    """The database."""

    url: str = Field(
        default="",
        repr=False,
        pattern=r"^((sqlite|postgresql)(\+[a-z0-9]+)?://.*)?$",
        description="SQLAlchemy URL (postgresql+psycopg://user:password@host/name); "
        "empty: an SQLite file below data_dir.",
    )
    threads: int = Field(default=4, ge=1, le=64, description="Threads for database work.")


class WorkersSettings(Section):
    """The processes that make the calls."""

    count: int = Field(
        default=1, ge=1, le=256, description="Worker processes, each with as many legs as its stack has."
    )
    bind: str = Field(default="127.0.0.1", description="Address SIP and RTP are bound to.")
    sip_port: PortNumber = Field(
        default=0,
        description="UDP port of the first worker, the next one has the next port; 0 takes free ones.",
    )
    jitter_buffer_ms: int = Field(
        default=40,
        ge=0,
        le=200,
        multiple_of=20,
        description="Prefetch of the receive buffer: the delay a leg adds.",
    )
    codecs: tuple[str, ...] = Field(
        default=DEFAULT_CODECS, description="Offered and accepted codecs, best first."
    )
    orphan_s: Seconds = Field(
        default=300.0, description="A worker without calls and without a front end ends after this."
    )
    queue_wait_s: Seconds = Field(
        default=10.0, description="How long an accepted call may wait for free legs."
    )
    queue_length: int = Field(
        default=100, ge=0, le=100_000, description="How many accepted calls may wait for free legs."
    )
    backoff_min_s: Seconds = Field(
        default=0.5, description="First wait before a dead worker is replaced; it doubles."
    )
    backoff_max_s: Seconds = Field(default=60.0, description="Longest wait before a dead worker is replaced.")
    health_s: Seconds = Field(default=5.0, description="A worker is asked for its health this often.")
    trace: bool = Field(
        default=False, description="Write SIP messages to run/<worker>/sip.log below data_dir."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            check_codecs(self.codecs)
        except SipConfigError as error:
            raise ValueError(str(error)) from None
        if self.sip_port + self.count - 1 > 65535:
            raise ValueError(f"sip_port {self.sip_port} leaves no ports for {self.count} workers")
        if self.backoff_max_s < self.backoff_min_s:
            raise ValueError("backoff_max_s is shorter than backoff_min_s")
        return self


class TrunkSettings(Section):
    """One way out; a list of them, `[[trunks]]`."""

    name: str = Field(min_length=1, max_length=32, examples=["carrier"], description="Its name in logs.")
    host: str = Field(
        examples=["sip.carrier.example"], description="Where numbers are sent: host or host:port."
    )
    proxy: str = Field(default="", description="Outbound proxy, a SIP URI.")
    user: str = Field(default="", description="Digest user.")
    password: SecretStr = Field(default=SecretStr(""), description="Digest password.")
    identity_host: str = Field(default="", description="Host part of our From; empty: the trunk's host.")
    prefixes: tuple[str, ...] = Field(
        default=(),
        description="Numbers that begin so go here, the longest prefix decides; of one trunk at the most "
        "it is empty: that one takes the rest.",
    )

    def trunk(self, codecs: tuple[str, ...] = DEFAULT_CODECS) -> Trunk:
        """As the core takes it.

        Raises:
            SipConfigError: a part is malformed.
        """
        return Trunk(
            host=self.host,
            proxy=self.proxy,
            user=self.user,
            password=self.password.get_secret_value(),
            identity_host=self.identity_host,
            codecs=codecs,
        )

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        try:
            self.trunk()
        except SipConfigError as error:
            raise ValueError(str(error)) from None
        return self


class FrequencySettings(Section):
    """A guard the platform only advises (FAQ 2.13): how often one number may be called."""

    enabled: bool = Field(default=False, description="Refuse calls over these limits.")
    per_day: int = Field(default=3, ge=1, description="Calls to one number in 24 hours.")
    per_30_days: int = Field(default=10, ge=1, description="Calls to one number in 30 days.")


class CallSettings(Section):
    """What calls may do."""

    host_name: str = Field(
        default="callenabler1.ivrcore.example",
        pattern=r"^[A-Za-z0-9.-]{1,128}$",
        description="Host part of session ids, and hostName of a CDR.",
    )
    ring_timeout_s: int = Field(default=60, ge=1, le=600, description="How long each party may ring (D17).")
    ringback_country: str = Field(default="CN", description="Whose ringback A hears while B rings.")
    clock_scale: float = Field(
        default=1.0, ge=0.001, le=1000, description="Let the customer's minutes pass faster: for labs."
    )
    numbers: NumberPolicy = Field(
        default=NumberPolicy.CHINA,
        description="Who may be called: china (the mainland without what FAQ 2.8, 2.11, 2.12, 5.13 and "
        "5.17 bar), e164 (every valid number), any (4 to 31 digits).",
    )
    lab: bool = Field(
        default=False, description="Accept SIP URIs (sip:user@host) where numbers are expected."
    )
    barred: BarredPolicy = Field(
        default=BarredPolicy.FAIL,
        description="A barred destination: refuse the request with 1010002, or accept it and fail the call "
        "with 8001 as a carrier does (D14).",
    )
    collect_info_on_replay: bool = Field(
        default=True, description="Send collectInfo also when the digits lead to a replay (D19)."
    )
    rate_queue_length: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Requests of one application that may wait over its calls per second.",
    )
    rate_queue_wait_s: Seconds = Field(default=2.0, description="How long such a request may wait.")
    frequency: FrequencySettings = FrequencySettings()

    @model_validator(mode="after")
    def _known_country(self) -> Self:
        try:
            ringback(self.ringback_country)
        except MediaFormatError as error:
            raise ValueError(f"ringback_country: {error}") from None
        return self


class SpeechEngineName(Enum):
    """What speaks: espeak-ng, or a program of the operator's."""

    ESPEAK = "espeak"
    COMMAND = "command"


class SpeechSection(Section):
    """Who speaks texts, codes and the built-in prompts (FAQ 8.7: a young woman)."""

    engine: SpeechEngineName = Field(
        default=SpeechEngineName.ESPEAK,
        description="espeak (espeak-ng, needs nothing) or command (the program named below).",
    )
    command: str = Field(
        default="",
        description="Command line of the program, no shell: {wav} is the file it writes (any common audio "
        "format), {text} the text, which is on its standard input as well; also {language} (zh, en), "
        "{voice}, {rate} (words a minute), {pitch} (0 to 99).",
    )
    voice: str = Field(
        default="",
        description="espeak: another variant (f2, Annie); command: what {voice} is. Empty: the default.",
    )
    rate: int = Field(default=100, ge=50, le=200, description="Speed in percent of the default.")
    pitch: int = Field(default=MANDARIN.pitch, ge=0, le=99, description="Pitch; 50 is the voice's own.")
    timeout_s: Seconds = Field(
        default=TIME_OUT_S,
        le=600,
        description="A text that is not spoken by then ends its call with 8005; nobody is called.",
    )
    parallel: int = Field(
        default=PARALLEL, ge=1, le=64, description="Texts a worker speaks at once; others wait their turn."
    )

    def choice(self) -> SpeechSettings:
        """As the core takes it.

        Raises:
            ValueError: the settings do not go together.
        """
        return SpeechSettings(
            self.engine.value,
            self.command,
            self.voice,
            self.rate,
            self.pitch,
            self.timeout_s,
            self.parallel,
        )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        self.choice()
        return self


class NotifySettings(Section):
    """Pushes to the customers' statusUrl and feeUrl."""

    mode: NotifyMode = Field(
        default=NotifyMode.STRICT,
        description="Status events: strict (pushed once, FAQ 9.6) or durable (repeated, with sequence "
        "numbers).",
    )
    signature: PushSignature = Field(
        default=PushSignature.CURRENT, description="Headers of a push: none, current or legacy (D5)."
    )
    allow_private: bool = Field(
        default=False, description="Push to private and loopback addresses too: for labs."
    )
    ca_file: OptionalPath = Field(
        default=None, description="PEM file with further authorities for receivers' certificates."
    )
    connect_timeout_s: Seconds = Field(
        default=5.0, description="A receiver must accept the connection by then (D22)."
    )
    total_timeout_s: Seconds = Field(default=10.0, description="A push must be answered by then (D22).")
    concurrency: int = Field(default=100, ge=1, le=10_000, description="Pushes under way at once.")
    status_backoff_s: Seconds = Field(default=1.0, description="First wait before such a repeat; it doubles.")
    merge_wait_s: Seconds = Field(
        default=1.0,
        description="CDRs that ended in the same second are merged; how long is waited for more (D23).",
    )
    batch: int = Field(default=50, ge=1, le=50, description="Most CDRs in one message (FAQ 9.3).")
    cdr_repeats: int = Field(default=6, ge=0, le=100, description="Repeats of a CDR push (FAQ 9.6).")
    cdr_interval_s: Seconds = Field(default=3600.0, description="Time between them.")


class BillingSettings(Section):
    """Prices (FAQ 3.1). A started minute counts whole."""

    currency: str = Field(
        default="CNY", pattern=r"^[A-Z]{3}$", description="What the amounts are in (ISO 4217)."
    )
    callback_minute: Amount = Field(default=Decimal("0.18"), description="A minute of one leg of a callback.")
    notification_minute: Amount = Field(default=Decimal("0.18"), description="A minute of a notification.")
    verification_minute: Amount = Field(
        default=Decimal("0.18"), description="A minute of a verification call."
    )
    number_month: Amount = Field(
        default=Decimal("30"), description="A number, in use or paused, for a month."
    )
    utc_offset_h: int = Field(default=8, ge=-12, le=14, description="Months begin at midnight of this zone.")


class RetentionSettings(Section):
    """How long things are kept."""

    recordings_days: int = Field(default=7, ge=1, le=3650, description="Recordings (FAQ 8.1).")
    details_months: int = Field(
        default=2, ge=1, le=120, description="Calls, their events and CDRs (FAQ 9.10)."
    )
    sweep_interval_s: Seconds = Field(default=600.0, description="What is too old is looked for this often.")
    sweep_batch: int = Field(default=200, ge=1, le=10_000, description="Recordings removed at a time.")


class RecordingSettings(Section):
    """Recordings and their download."""

    domain: str = Field(
        default="record.ivrcore.example",
        pattern=r"^[A-Za-z0-9.-]{1,128}$",
        description="recordDomain of a CDR, and the parameter of the download.",
    )
    bucket: str = Field(
        default="recordings", pattern=r"^[A-Za-z0-9._-]{1,128}$", description="recordBucketName of a CDR."
    )
    link_lifetime_s: int = Field(default=1800, ge=1, description="How long a download address is good (D12).")
    link_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs download addresses; empty: made at each start, older addresses end.",
    )
    base_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+)?$",
        description="Scheme and host of download addresses; empty: those of the request for it (D12).",
    )
    directory: OptionalPath = Field(
        default=None, description="Where finished recordings go; empty: below data_dir."
    )


class OpsSettings(Section):
    """Logs and metrics."""

    log_level: str = Field(
        default="INFO",
        pattern=f"^({'|'.join(LEVELS)})$",
        description=f"Least level logged: {', '.join(LEVELS)}.",
    )
    log_format: LogFormat = Field(default=LogFormat.JSON, description="json (an object a line) or text.")
    metrics: bool = Field(default=True, description="Serve /metrics for Prometheus.")
    metrics_from: Networks = Field(
        default=("127.0.0.0/8", "::1/128"), description="Networks that may read /metrics."
    )
