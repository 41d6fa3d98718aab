"""Reading what we need out of a SIP message given as text.

pjsua2 hands messages over whole; only a few headers matter to us, so this is a reader, no parser.
"""

from sip.cause import HangupCause, q850_from_reason

_COMPACT = {"from": "f", "to": "t", "call-id": "i"}


def header(message: str, name: str) -> str:
    """The value of the first header of that name, unfolded; "" when the message has none.

    Source: RFC 3261 section 7.3.1 (names in any case, compact forms, folded lines).
    """
    wanted = {name.lower(), _COMPACT.get(name.lower(), name.lower())}
    value: str | None = None
    for line in message.splitlines()[1:]:
        if value is not None:
            if line[:1] in (" ", "\t"):
                value += " " + line.strip()
                continue
            return value
        if not line:
            break
        field, colon, rest = line.partition(":")
        if colon and field.strip().lower() in wanted:
            value = rest.strip()
    return value or ""


def uri_user(value: str) -> str:
    """The user part of the URI in a From, To or P-Asserted-Identity value, "" without one."""
    _, scheme, rest = value.partition("sip:")
    if not scheme:
        _, scheme, rest = value.partition("sips:")
    user, at, _ = rest.partition("@")
    return user.partition(";")[0].replace("%23", "#") if at else ""


def failure_announced(message: str) -> HangupCause | None:
    """The failure a provisional response announces by its Reason header, None for an ordinary one."""
    q850 = q850_from_reason(header(message, "Reason"))
    # 16 and 31 say "normal": no failure announcement follows them.
    return HangupCause(q850) if q850 not in (None, 16, 31) else None
