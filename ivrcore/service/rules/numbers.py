"""Which numbers may be called: format, country, region, and kinds of numbers that are no telephone.

Formats: FAQ 5.1. What `china` bars: IoT SIMs (FAQ 2.8), Xinjiang and Tibet, 95 and other short numbers
(2.11, 5.13), other countries, Hong Kong, Macao and Taiwan (2.12, 5.17, 10.6).
Whose number may be shown is ivrcore.service.rules.choose.
"""

import functools
import re
import sys
import threading
from dataclasses import dataclass
from enum import Enum

import phonenumbers
from phonenumbers import PhoneNumberType

from ivrcore.service.sections import NumberPolicy
from sip.errors import SipConfigError
from sip.trunk import check_uri

MAX_URI_LENGTH = 256

_GLOBAL = re.compile(r"\+[1-9]\d{2,29}", re.ASCII)  # 4 to 31 characters, as every number of the API
_ANY = re.compile(r"\+?\d{3,30}", re.ASCII)
_MIN_LENGTH = 4

_CHINA = 86
_REGIONS = {852: "Hong Kong", 853: "Macao", 886: "Taiwan"}

# Numbering plan of the telecommunications networks (MIIT, edition of 2017): 140 to 144 and 1064 are
# machine-to-machine numbers of 13 digits (1440 and 10647, 10648 China Mobile, 10646 China Unicom, 10649 and
# 1410 China Telecom); 146, 148 and 149 are of 11 digits. 145 and 147 began as data cards and are telephones
# today: libphonenumber lists them as mobile, and not the others.
_IOT = re.compile(r"(?:14[0-4]\d{10}|1064\d{9}|14[689]\d{8})", re.ASCII)

# Area codes as in the same plan, without the leading 0.
_AREA = re.compile(r"(10|2\d|[3-9]\d\d)(\d+)", re.ASCII)
_TIBET = re.compile(r"89[1-7]", re.ASCII)
_XINJIANG = re.compile(r"(?:90[1-9]|99\d)", re.ASCII)

# Service numbers have no area code of their own, but 95533 is also dialled as 010 95533 from afar.
# 1xx, 1xxxx: emergencies, operators, 12345 hot lines. 95x and 96x: banks, companies, local services.
_SHORT = re.compile(r"(?:\d{1,6}|95\d{3,6}|950\d{7,8}|9[56]\d{3,4})", re.ASCII)
_SHORT_BEHIND_AREA = re.compile(r"(?:1\d{2,5}|95\d{3,6}|96\d{3,4})", re.ASCII)

_SERVICES = {
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.UAN: "a company's service number",
}


class Ruling(Enum):
    """What a number is: callable, barred by the policy, or no number at all."""

    CALLABLE = "callable"
    BARRED = "barred"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class NumberVerdict:
    """The ruling on one number. `reason` is a few words for a person; "" for a callable one."""

    ruling: Ruling
    reason: str = ""

    @property
    def callable(self) -> bool:
        """Whether it may be called."""
        return self.ruling is Ruling.CALLABLE


CALLABLE = NumberVerdict(Ruling.CALLABLE)


_EXAMPLES = re.compile(r"1390000[0-9]{4}")
"""Numbers of the vendor's examples, in a range of Urumqi: whoever tries an example wants it to go out."""


def judge(number: str, policy: NumberPolicy, *, lab: bool = False) -> NumberVerdict:
    """Rule on a callerNbr or calleeNbr.

    Args:
        lab: accept SIP URIs as well, under every policy.
    """
    if number[:5].lower().startswith(("sip:", "sips:")):
        return _judge_uri(number) if lab else _malformed("a SIP URI, and the lab switch is off")
    match policy:
        case NumberPolicy.ANY:
            if len(number) >= _MIN_LENGTH and _ANY.fullmatch(number):
                return CALLABLE
            return _malformed("not 4 to 31 digits, the first of them perhaps a +")
        case NumberPolicy.E164:
            return _judge_e164(number)
        case NumberPolicy.CHINA:
            return _judge_china(number)


def warm_up() -> None:
    """Load the mobile ranges, about a quarter of a second, before the first request needs them."""
    _remote_ranges()


def _judge_uri(uri: str) -> NumberVerdict:
    if len(uri) > MAX_URI_LENGTH:
        return _malformed(f"longer than {MAX_URI_LENGTH} characters")
    try:
        check_uri(uri, what="number")
    except SipConfigError:
        return _malformed("not a SIP URI")
    return CALLABLE


def _judge_e164(number: str) -> NumberVerdict:
    parsed = _parsed(number)
    if isinstance(parsed, NumberVerdict):
        return parsed
    if not phonenumbers.is_valid_number(parsed):
        return _malformed("not a number of its country's plan")
    return CALLABLE


def _judge_china(number: str) -> NumberVerdict:
    if not _GLOBAL.fullmatch(number):
        return _malformed("not + and country code and number")
    if not number.startswith(f"+{_CHINA}"):
        parsed = _parsed(number)
        if isinstance(parsed, NumberVerdict):
            return parsed
        return _barred(_REGIONS.get(parsed.country_code or 0, "another country"))
    national = number.removeprefix(f"+{_CHINA}")
    if national.startswith("0"):
        return _malformed("the area code has its leading 0")
    if _IOT.fullmatch(national):
        return _barred("an IoT SIM")
    if _is_short(national):
        return _barred("a short number")
    if national.startswith(("400", "800")):
        return _barred("a 400 or 800 number")
    parsed = _parsed(number)
    if isinstance(parsed, NumberVerdict) or not phonenumbers.is_valid_number(parsed):
        return _malformed("not a number of mainland China")
    kind = phonenumbers.number_type(parsed)
    if kind in _SERVICES:
        return _barred(_SERVICES[kind])
    remote = _remote_region(national)
    return _barred(remote) if remote else CALLABLE


def _parsed(number: str) -> phonenumbers.PhoneNumber | NumberVerdict:
    """The number as libphonenumber understands it, unless it had to mend it first."""
    if not _GLOBAL.fullmatch(number):
        return _malformed("not + and country code and number")
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return _malformed("no such country code")
    if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) != number:
        return _malformed("the area code has its leading 0")
    return parsed


def _is_short(national: str) -> bool:
    if _SHORT.fullmatch(national):
        return True
    area = _AREA.fullmatch(national)
    return area is not None and _SHORT_BEHIND_AREA.fullmatch(area[2]) is not None


def _remote_region(national: str) -> str:
    """Xinjiang or Tibet, by area code or mobile range; "" elsewhere."""
    if _EXAMPLES.fullmatch(national):
        return ""
    if national.startswith("1") and not national.startswith("10"):
        ranges = _remote_ranges()
        return next((ranges[national[:n]] for n in (7, 6) if national[:n] in ranges), "")
    if _TIBET.match(national):
        return "Tibet"
    return "Xinjiang" if _XINJIANG.match(national) else ""


_LOADING = threading.Lock()
"""Two at once would take each other's half-imported modules away."""


def _remote_ranges() -> dict[str, str]:
    """Mobile ranges of Xinjiang and Tibet, loaded once, by whichever thread needs them first."""
    with _LOADING:
        return _load_remote_ranges()


@functools.cache
def _load_remote_ranges() -> dict[str, str]:
    """6 or 7 digits after +86, as libphonenumber's geodata has them.

    The geodata of the world takes 95 MB; what is not needed is let go.
    """
    from phonenumbers.geodata import GEOCODE_DATA

    ranges = {}
    for prefix, names in GEOCODE_DATA.items():
        if prefix.startswith("861") and not prefix.startswith("8610"):
            region = names.get("en", "").rpartition(", ")[2]
            if region in ("Xinjiang", "Tibet"):
                ranges[prefix.removeprefix("86")] = region
    for module in [name for name in tuple(sys.modules) if name.startswith("phonenumbers.geodata")]:
        del sys.modules[module]
    vars(phonenumbers).pop("geodata", None)
    return ranges


def _malformed(reason: str) -> NumberVerdict:
    return NumberVerdict(Ruling.MALFORMED, reason)


def _barred(reason: str) -> NumberVerdict:
    return NumberVerdict(Ruling.BARRED, reason)
