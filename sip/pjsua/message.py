"""Reading what we need out of a SIP message given as text.

pjsua2 hands messages over whole; only a few headers matter to us, so this is a reader, no parser.
"""

import re
from urllib.parse import unquote

from sip.cause import HangupCause, q850_from_reason

_COMPACT = {"from": "f", "to": "t", "call-id": "i", "content-type": "c"}
_LINE_END = re.compile(r"\r?\n")  # str.splitlines would also cut at U+0085 or U+2028 inside a display name
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_BRACKETED = re.compile(r"<([^>]*)>")
_SIP_USER = re.compile(r"\bsips?:([^@:;\s]+)(?:[:;][^@\s]*)?@", re.IGNORECASE)
_TEL_NUMBER = re.compile(r"\btel:([^;,\s]+)", re.IGNORECASE)


def header(message: str, name: str) -> str:
    """The value of a header, unfolded; several headers of that name joined by commas, "" without one.

    Source: RFC 3261 section 7.3.1 (names in any case, compact forms, folded lines, repeated headers).
    """
    wanted = {name.lower(), _COMPACT.get(name.lower(), name.lower())}
    values: list[str] = []
    open_value = False
    for line in _LINE_END.split(message)[1:]:
        if not line:
            break  # the body follows
        if line[0] in " \t":
            if open_value:
                values[-1] = f"{values[-1]} {line.strip()}".lstrip()
            continue
        field, colon, rest = line.partition(":")
        open_value = bool(colon) and field.strip().lower() in wanted
        if open_value:
            values.append(rest.strip())
    return ", ".join(values)


def uri_user(value: str) -> str:
    """Who a From, To or P-Asserted-Identity value names, unescaped, "" without one.

    That is the user of its SIP URI, without password and parameters, else the number of its tel URI (RFC 3325
    section 9.1 allows both). The display name is not looked at: a caller can write anything there.
    """
    unquoted = _QUOTED.sub("", value)
    addresses = " ".join(_BRACKETED.findall(unquoted)) or unquoted
    found = _SIP_USER.search(addresses) or _TEL_NUMBER.search(addresses)
    return unquote(found.group(1)) if found else ""


def failure_announced(message: str) -> HangupCause | None:
    """The failure a provisional response announces by its Reason header, None for an ordinary one."""
    q850 = q850_from_reason(header(message, "Reason"))
    # 16 and 31 say "normal": no failure announcement follows them.
    return HangupCause(q850) if q850 not in (None, 16, 31) else None
