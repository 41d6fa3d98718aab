"""What is pushed: the bodies of status events and CDRs, with exactly the service's names and their case.

Two rules hold everywhere. A time is UTC, `yyyy-MM-dd HH:mm:ss` (FAQ 9.8). A member that does not apply is
left out, but an integer that is 0 is sent: receivers were written against examples that have it.

What is not published is decided in one place each: PARTY_TYPE, STATE_DESC and, for legs that have no cause
of their own, ivrcore.service.notify.causes.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath

from ivrcore.events import Party
from ivrcore.service.model import Call, CallEvent, ClientApp, EventKind, Service
from ivrcore.service.notify.causes import fee_causes

PARTY_TYPE: Mapping[Party | None, str] = {Party.A: "caller", Party.B: "callee", None: "platform"}
"""Who hung up. The page names three cases and no values; these are ours."""

SERVICE_TYPE: Mapping[Service, str] = {
    Service.NOTIFICATION: "001",
    Service.VERIFICATION: "001",
    Service.CALLBACK: "002",
}
"""Voice playback, and callback."""

STATE_DESC: Mapping[int, str] = {
    0: "The user releases the call.",  # the only published one
    7001: "The developer's call frequency is controlled.",
    7002: "The application's call frequency is controlled.",
    7003: "The display number's call frequency is controlled.",
    7004: "The callee is in the blacklist.",
    7005: "The caller is in the blacklist.",
    7108: "The account is frozen.",
    7109: "The voice ports are insufficient.",
    8000: "Internal error.",
    8001: "The user is not reached.",
    8002: "The peer end plays a failure announcement.",
    8003: "Ringing times out.",
    8004: "The user hangs up during ringing.",
    8005: "TTS conversion fails.",
    8006: "The voice file does not exist.",
    8007: "Playing to the user fails.",
    8008: "No digit is received after the content.",
    8009: "The first party hangs up before the call is connected.",
    8010: "The maximum call duration is exceeded.",
    8012: "Invalid app_key.",
    8015: "Recording fails.",
    8017: "The call is released by order.",
    8018: "The service is not permitted.",
    8020: "Service exception.",
    8100: "The callee number does not exist.",
    8101: "The callee does not answer.",
    8102: "The callee is busy.",
    8103: "The callee is temporarily unreachable.",
    8104: "The callee is powered off.",
    8105: "The callee hangs up or the service is suspended.",
}
"""Text of each stateCode (appendix of hang-up causes); 1 to 128 characters."""

_NTP_MINUS_UNIX_S = 2_208_988_800
"""From 1900 to 1970: the second element of a published icid counts as NTP does (RFC 5905)."""


def state_desc(code: int) -> str:
    """The text for a stateCode; never empty."""
    return STATE_DESC.get(code, f"The call ends with code {code}.")


def wire_time(moment: datetime) -> str:
    """A moment as the service writes it: UTC, whole seconds (cut, so that no event lies in the future).

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def second_leg_called(events: Iterable[CallEvent]) -> bool:
    """Whether B was called, as far as the events of a session tell."""
    return any(event.kind is EventKind.CALLOUT and event.party is Party.B for event in events)


def status_body(call: Call, event: CallEvent, *, b_called: bool = False) -> dict[str, object]:
    """The body of one status push.

    Args:
        b_called: of a disconnect, whether B had been called: its numbers are then the second leg's.

    Raises:
        ValueError: the event is none that customers are told (RECORD).

    Source: the service's status pages; presence of each member as in the vendor's examples.
    """
    if event.kind is EventKind.RECORD:
        raise ValueError(f"session {event.session}: a {event.kind.value} event is not pushed as a status")
    info: dict[str, object] = {"sessionId": call.session, "timestamp": wire_time(event.at)}
    if event.kind is EventKind.COLLECT_INFO:
        info["digitInfo"] = event.digits
    else:
        second = event.party is Party.B or (event.kind is EventKind.DISCONNECT and b_called)
        info["caller"] = call.display_b if second else call.display_a
        info["called"] = call.b_number if second else call.a_number
    if event.kind is EventKind.DISCONNECT:
        if call.wants_party_type and call.service is Service.CALLBACK:
            info["partyType"] = PARTY_TYPE[event.ended_by]
        info["stateCode"] = event.state_code
        info["stateDesc"] = state_desc(event.state_code)
    if call.user_data:
        info["userData"] = call.user_data
    return {"eventType": event.kind.value, "statusInfo": info}


def fee_body(fees: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """The body of one CDR push of 1 to 50 FeeInfos."""
    return {"eventType": "fee", "feeLst": [dict(fee) for fee in fees]}


def fee_info(
    call: Call,
    app: ClientApp,
    record: Mapping[str, object],
    *,
    host: str,
    record_domain: str,
    bucket: str,
) -> dict[str, object]:
    """One CDR as it is pushed.

    Args:
        record: `CallRecord.as_json()`; of a call without one, `lost_record()`.
        host: hostName. record_domain, bucket: where the recording is, for the recording API.

    Returns:
        The FeeInfo, its members in the order of the published examples.
    """
    a, b = _leg(record, "A"), _leg(record, "B")
    callback = call.service is Service.CALLBACK
    causes = fee_causes(record)
    ended = _time(record.get("endedAt")) or wire_time(call.accepted_at)
    fee: dict[str, object] = {
        "direction": 0,
        "spId": app.account.sp_id,
        "appKey": call.app_key,
        "icid": _icid(call),
        # The fixed-line number that made the call; the business number was sent in older revisions only.
        "bindNum": call.display_a,
        "sessionId": call.session,
        "callerNum": call.display_a,
        "calleeNum": call.a_number,
        "fwdDisplayNum": call.display_b if callback else None,
        "fwdDstNum": call.b_number if callback else None,
        "callOutStartTime": _time(a.get("calledAt")),
        "callOutAlertingTime": _time(a.get("rangAt")),
        "callOutAnswerTime": _time(a.get("answeredAt")),
        "fwdStartTime": _time(b.get("calledAt")) if callback else None,
        "fwdAlertingTime": _time(b.get("rangAt")) if callback else None,
        "fwdAnswerTime": _time(b.get("answeredAt")) if callback else None,
        "callEndTime": ended,
        "failTime": (_time(causes.failed_at) or ended) if causes.failed else None,
        "fwdUnaswRsn": causes.second_leg_q850,
        "ulFailReason": causes.release_point,
        "sipStatusCode": causes.sip_status,
        "callOutUnaswRsn": causes.first_leg_q850,
        **_recorded(call, record, record_domain, bucket),
        **_tts(record),
        "serviceType": SERVICE_TYPE[call.service],
        "hostName": host,
        "userData": call.user_data or None,
    }
    return {name: value for name, value in fee.items() if value is not None}


def lost_record(
    call: Call,
    events: Iterable[CallEvent],
    *,
    ended_at: datetime,
    state_code: int = 8020,
    recording: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """A record in the form of `CallRecord.as_json()` for a call nobody wrote one of.

    Made of what was stored before the worker died; without events it is that of a call never dialled. A
    disconnect among the events was pushed already, so its cause and moment count, not the arguments.

    Args:
        ended_at: when the loss was seen. state_code: service exception by default.
        recording: what was recovered, as in `CallRecord.as_json()`.
    """
    legs = {"A": _lost_leg(call.a_number, call.display_a)}
    if call.service is Service.CALLBACK:
        legs["B"] = _lost_leg(call.b_number, call.display_b)
    moment_of = {
        EventKind.CALLOUT: "calledAt",
        EventKind.ALERTING: "rangAt",
        EventKind.ANSWER: "answeredAt",
    }
    release_point, ended_by = 0, "platform"
    for event in events:
        party = (event.party or Party.A).value
        if event.kind in moment_of and party in legs:
            legs[party][moment_of[event.kind]] = _iso(event.at)
        elif event.kind is EventKind.DISCONNECT:
            ended_at, state_code, release_point = event.at, event.state_code, event.release_point
            ended_by = event.ended_by.value if event.ended_by else "platform"
    for leg in legs.values():
        if leg["calledAt"] is not None:
            leg["endedAt"] = _iso(ended_at)
    return {
        "session": call.session,
        "stateCode": state_code,
        "stateName": state_desc(state_code),
        "releasePoint": release_point,
        "endedBy": ended_by,
        "startedAt": _iso(call.accepted_at),
        # The hint before the talk is not in the events: B's answer is the nearest moment that is known.
        "talkStartedAt": legs["B"]["answeredAt"] if "B" in legs else None,
        "endedAt": _iso(ended_at),
        "legs": legs,
        "collected": [],
        "recording": None if recording is None else dict(recording),
        "tts": {"plays": 0, "seconds": 0.0},
    }


def _lost_leg(number: str, display: str) -> dict[str, object]:
    times: dict[str, object] = dict.fromkeys(("calledAt", "rangAt", "answeredAt", "endedAt"))
    return {"number": number, "display": display, **times, "q850": 0, "sipStatus": 0, "rejectedPackets": None}


def _recorded(call: Call, record: Mapping[str, object], domain: str, bucket: str) -> dict[str, object]:
    """The record* members: only a callback can be recorded (FAQ 2.3), so the others have the flag alone."""
    recording = record.get("recording")
    path = recording.get("path") if isinstance(recording, Mapping) else None
    if call.service is not Service.CALLBACK or not path:
        return {"recordFlag": 0}
    return {
        "recordFlag": 1,
        "recordStartTime": _time(record.get("talkStartedAt")),
        "recordDomain": domain,
        "recordBucketName": bucket,
        "recordObjectName": call.recording_name or PurePath(str(path)).name,
    }


def _tts(record: Mapping[str, object]) -> dict[str, object]:
    tts = record.get("tts")
    plays, seconds = (tts.get("plays", 0), tts.get("seconds", 0)) if isinstance(tts, Mapping) else (0, 0)
    # A conversion that took any time at all is not 0 in the published examples.
    return {"ttsPlayTimes": int(plays), "ttsTransDuration": math.ceil(seconds)}


def _icid(call: Call) -> str:
    """A unique id in the shape of the published one; the same whenever it is made again."""
    digest = hashlib.sha256(call.session.encode()).hexdigest()[:32]
    moment = call.accepted_at.astimezone(UTC)
    return f"{digest}.{int(moment.timestamp()) + _NTP_MINUS_UNIX_S}.{moment.microsecond * 1000}.5"


def _leg(record: Mapping[str, object], party: str) -> Mapping[str, object]:
    legs = record.get("legs")
    leg = legs.get(party) if isinstance(legs, Mapping) else None
    return leg if isinstance(leg, Mapping) else {}


def _time(iso: object) -> str | None:
    """A moment of a record (ISO 8601) as the service writes it."""
    return wire_time(datetime.fromisoformat(iso)) if isinstance(iso, str) and iso else None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
