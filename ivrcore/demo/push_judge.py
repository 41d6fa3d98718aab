"""Holds what the customer was told, status events and CDR, against the rules and the platform's record."""

from collections.abc import Sequence
from typing import Any

from ivrcore.cdr import CallRecord
from ivrcore.demo.customer import Pushed
from ivrcore.demo.rule import Finding

CALLBACK_EVENTS = ("callout", "alerting", "answer", "callout", "alerting", "answer", "disconnect", "fee")
NOTIFICATION_EVENTS = ("callout", "alerting", "answer", "collectInfo", "collectInfo", "disconnect", "fee")


def judge_pushes(
    pushes: Sequence[Pushed], due: Sequence[str], record: CallRecord, fee: dict[str, Any]
) -> list[Finding]:
    """Every rule of the pushes of one call.

    Args:
        due: the types that have to come, in their order; "fee" is the CDR.
    """
    kinds = [push.kind for push in pushes]
    infos = [push.body["statusInfo"] for push in pushes if push.kind != "fee"]
    disconnect = infos[-1] if infos else {}
    times = {
        "callOutStartTime": record.a.called_at_s,
        "callOutAnswerTime": record.a.answered_at_s,
        "callEndTime": record.ended_at_s,
    }
    if record.b is not None:
        times["fwdAnswerTime"] = record.b.answered_at_s
    wrong = [name for name, at_s in times.items() if fee.get(name) != _wire(record, at_s)]
    echoed = {str(info.get("userData")) for info in infos} | {str(fee.get("userData"))}
    return [
        Finding(
            "status events and CDR are pushed, each once, in this order", ", ".join(kinds), kinds == [*due]
        ),
        Finding("userData is in every one of them", ", ".join(sorted(echoed)), len(echoed) == 1),
        Finding(
            "disconnect has the record's stateCode",
            str(disconnect.get("stateCode")),
            disconnect.get("stateCode") == record.verdict.state_code,
        ),
        Finding("the CDR has the record's times", ", ".join(wrong) or "all", not wrong),
    ]


def judge_download(downloaded: bytes, recorded: bytes) -> Finding:
    """The recording API gives the recording, byte for byte."""
    return Finding(
        "the recording API gives the recording",
        f"{len(downloaded)} of {len(recorded)} bytes",
        downloaded == recorded and len(recorded) > 0,
    )


def _wire(record: CallRecord, at_s: float | None) -> str | None:
    iso = record.utc(at_s)
    return None if iso is None else iso[:19].replace("T", " ")
