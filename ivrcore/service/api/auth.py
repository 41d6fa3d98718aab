"""Who asks: the headers Authorization and X-AKSK (X-WSSE where the setting allows it), and what they prove.

Source: the service's API reference, "calls from the SP to the platform"; open points D1 to D4 in
docs/compatibility.md.
"""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.guard import FailureGuard, is_within
from ivrcore.service.api.ports import Ports
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import BEIJING_OFFSET_S, ApiSettings, CreatedZone
from ivrcore.service.model import ClientApp, Standing

_log = logging.getLogger(__name__)

MAX_HEADER_CHARACTERS = 2048
"""Of each of the two headers; a longer one counts as missing."""


class Scheme(Enum):
    """A style of signing; the value is the word Authorization begins with."""

    AKSK = "AKSK"
    WSSE = "WSSE"


@dataclass(frozen=True)
class Asker:
    """What is known of a request before its body is read.

    Attributes:
        ip: the client's address.
        headers: the first value of each, by lower-case name.
        query: the first value of each parameter.
    """

    ip: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Credentials:
    """What a signed request says of itself; nothing of it is proven yet."""

    scheme: Scheme
    username: str
    digest: str = field(repr=False)
    nonce: str = field(repr=False)
    created: str = ""


def aksk_digest(secret: str, nonce: str, created: str) -> str:
    """PasswordDigest of X-AKSK: Base64 of the raw HMAC-SHA256 over nonce and time, with the secret as key."""
    digest = hmac.new(secret.encode(), (nonce + created).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def wsse_digests(secret: str, nonce: str, created: str) -> tuple[str, str]:
    """PasswordDigest of X-WSSE in both habits: Base64 of the raw hash, and of its lower-case hex text."""
    digest = hashlib.sha256((nonce + created + secret).encode())
    raw = base64.b64encode(digest.digest()).decode()
    return raw, base64.b64encode(digest.hexdigest().encode()).decode()


# The look-behind keeps a long run of letters from being tried again at each of its letters.
_ATTRIBUTE = re.compile(r"(?<![A-Za-z])([A-Za-z]+)[ \t]*=[ \t]*(?:\"([^\"]*)\"|([^\s,\"]+))", re.ASCII)


def attributes(header: str) -> dict[str, str]:
    """The attributes of a header, by lower-case name: separated by commas or blanks, in any order."""
    found: dict[str, str] = {}
    for name, quoted, bare in _ATTRIBUTE.findall(header):
        found.setdefault(name.lower(), quoted or bare)
    return found


def _scheme_word(header: str) -> str:
    return header.split(None, 1)[0].rstrip(",") if header.split() else ""


def read_credentials(headers: Mapping[str, str], wsse: bool) -> Credentials:
    """Read the two headers.

    Args:
        headers: by lower-case name.
        wsse: X-WSSE is accepted as well.

    Raises:
        Refusal: with the code of the first header or attribute that is missing or wrong.
    """
    authorization = headers.get("authorization", "").strip()
    if not authorization or len(authorization) > MAX_HEADER_CHARACTERS:
        raise Refusal(ResultCode.NO_AUTHORIZATION)
    word = _scheme_word(authorization).upper()
    if word != Scheme.AKSK.value and not (wsse and word == Scheme.WSSE.value):
        raise Refusal(ResultCode.NO_AUTHORIZATION)
    scheme = Scheme(word)
    _check_authorization(attributes(authorization))
    token = headers.get("x-aksk" if scheme is Scheme.AKSK else "x-wsse", "").strip()
    if not token or len(token) > MAX_HEADER_CHARACTERS:
        raise Refusal(ResultCode.NO_X_AKSK)
    if _scheme_word(token).lower() != "usernametoken":
        raise Refusal(ResultCode.NO_USERNAME_TOKEN)
    return _credentials(scheme, attributes(token))


def _check_authorization(given: Mapping[str, str]) -> None:
    expected = (
        ("realm", "SDP", ResultCode.NO_REALM, ResultCode.WRONG_REALM),
        ("profile", "UsernameToken", ResultCode.NO_PROFILE, ResultCode.WRONG_PROFILE),
        ("type", "Appkey", ResultCode.NO_TYPE, ResultCode.WRONG_TYPE),
    )
    for name, value, missing, wrong in expected:
        if not given.get(name):
            raise Refusal(missing)
        if given[name] != value:
            raise Refusal(wrong)


_NONCE = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def _credentials(scheme: Scheme, given: Mapping[str, str]) -> Credentials:
    for name, missing in (
        ("username", ResultCode.NO_USERNAME),
        ("nonce", ResultCode.NO_NONCE),
        ("created", ResultCode.NO_CREATED),
        ("passworddigest", ResultCode.NO_DIGEST),
    ):
        if not given.get(name):
            raise Refusal(missing)
    # Letters and digits by the book; old clients send Base64. What matters here is that it can be stored.
    if not _NONCE.fullmatch(given["nonce"]):
        raise Refusal(ResultCode.NO_NONCE)
    return Credentials(scheme, given["username"], given["passworddigest"], given["nonce"], given["created"])


_CREATED = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def is_timely(created: str, now: datetime, settings: ApiSettings) -> bool:
    """Whether a Created lies within the window around now (D1, D2).

    Raises:
        Refusal: it is no time of the layout `yyyy-MM-ddTHH:mm:ssZ`.
    """
    match = _CREATED.fullmatch(created)
    if match is None:
        raise Refusal(ResultCode.NO_CREATED)
    day, clock, zone = match.groups()
    try:
        if zone != "Z":  # some libraries' own layout, which leaves no doubt
            return _is_near(datetime.fromisoformat(f"{day}T{clock}{zone}"), now, settings)
        read_as_utc = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
        read_as_beijing = read_as_utc - timedelta(seconds=BEIJING_OFFSET_S)
        match settings.created_zone:
            case CreatedZone.UTC:
                return _is_near(read_as_utc, now, settings)
            case CreatedZone.UTC_PLUS_8:
                return _is_near(read_as_beijing, now, settings)
            case CreatedZone.EITHER:
                return _is_near(read_as_utc, now, settings) or _is_near(read_as_beijing, now, settings)
    except (ValueError, OverflowError):  # no such day, or a year that the sum leaves
        raise Refusal(ResultCode.NO_CREATED) from None


def _is_near(moment: datetime, now: datetime, settings: ApiSettings) -> bool:
    return abs((moment - now).total_seconds()) <= settings.clock_window_s


def is_proven(credentials: Credentials, secret: str) -> bool:
    """Whether the digest was made with this secret; takes the same time for every wrong one."""
    if credentials.scheme is Scheme.AKSK:
        expected: tuple[str, ...] = (aksk_digest(secret, credentials.nonce, credentials.created),)
    else:
        expected = wsse_digests(secret, credentials.nonce, credentials.created)
    given = credentials.digest.encode()
    matches = [hmac.compare_digest(one.encode(), given) for one in expected]
    return any(matches)


APP_KEY = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
"""What the store can hold; nothing else is looked up."""


class Authenticator:
    """Tells whose request it is, or refuses it.

    Failed proofs count against the address they came from (D4); an application that is known but may not
    ask (suspended, wrong address) does not.
    """

    def __init__(self, ports: Ports, settings: ApiSettings, guard: FailureGuard) -> None:
        self._ports = ports
        self._settings = settings
        self._guard = guard

    async def authenticate(self, asker: Asker) -> ClientApp:
        """The application that asks, in good standing.

        Raises:
            Refusal: by the documented code of the first thing that is wrong.
        """
        self.check_block(asker.ip)
        try:
            app = await self._prove(asker)
        except Refusal as refusal:
            self.count_failure(asker.ip)
            _log.warning("authentication from %s failed: %s", asker.ip, refusal.result.code)
            raise
        check_standing(app, asker.ip)
        return app

    def check_block(self, ip: str) -> None:
        """Refuse an address that has failed too often."""
        if self._guard.is_blocked(ip):
            raise Refusal(ResultCode.IP_BLOCKED)

    def count_failure(self, ip: str) -> None:
        """A proof or a log-in of this address has failed."""
        self._guard.failed(ip)

    async def _prove(self, asker: Asker) -> ClientApp:
        if self._settings.old_logins and "access_token" in asker.query:
            return await self._prove_token(asker)
        credentials = read_credentials(asker.headers, wsse=self._settings.old_logins)
        now = self._ports.now()
        timely = is_timely(credentials.created, now, self._settings)
        app = await self._app(credentials.username)
        if not is_proven(credentials, app.secret):
            raise Refusal(ResultCode.NO_AUTHORIZATION)
        if not timely:
            raise Refusal(ResultCode.CLOCK_SKEW)
        # Last, so that only proven requests reach the store of nonces.
        if self._settings.check_nonce and not await self._ports.first_use(
            app.app_key, credentials.nonce, now
        ):
            raise Refusal(ResultCode.NO_AUTHORIZATION)
        return app

    async def _prove_token(self, asker: Asker) -> ClientApp:
        if self._ports.tokens is None:
            raise Refusal(ResultCode.INVALID_TOKEN)
        app = await self._app(asker.query.get("app_key", ""))
        token = asker.query["access_token"]
        owner = await self._ports.tokens.find(token, self._ports.now()) if APP_KEY.fullmatch(token) else None
        if owner is None or owner != app.app_key:
            raise Refusal(ResultCode.INVALID_TOKEN)
        return app

    async def _app(self, app_key: str) -> ClientApp:
        app = await self._ports.app_by_key(app_key) if APP_KEY.fullmatch(app_key) else None
        if app is None:
            raise Refusal(ResultCode.UNKNOWN_APP_KEY)
        return app


def check_standing(app: ClientApp, ip: str) -> None:
    """Refuse an application that may not ask, or not from here.

    Raises:
        Refusal: 1020166, 1010007 or 1010008.
    """
    if app.allowed_ips and not is_within(ip, app.allowed_ips):
        raise Refusal(ResultCode.IP_NOT_ALLOWED)
    if app.account.standing is not Standing.ACTIVE:
        raise Refusal(ResultCode.ACCOUNT_NOT_ACTIVE)
    if app.standing is not Standing.ACTIVE:
        raise Refusal(ResultCode.APP_NOT_ACTIVE)
