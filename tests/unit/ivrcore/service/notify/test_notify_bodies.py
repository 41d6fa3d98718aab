"""The bodies against the published examples, member by member and byte by byte."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ivrcore.cdr import CallRecord, LegRecord, RecordingRecord
from ivrcore.commands import Verdict
from ivrcore.events import Party
from ivrcore.service.model import Account, Call, CallEvent, ClientApp, EventKind, Service
from ivrcore.service.notify.bodies import (
    STATE_DESC,
    fee_body,
    fee_info,
    lost_record,
    second_leg_called,
    state_desc,
    status_body,
    wire_time,
)

ACCEPTED = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)
SESSION = "1201_31_4294967295_20260301081530@callenabler1.example.com"
APP = ClientApp(
    app_key="vcDemoAppKey0123456789AbCd",
    secret="hidden",
    account=Account(1, "demo", "demo_sp"),
    name="demo",
    service=Service.CALLBACK,
)
CALLBACK = Call(
    session=SESSION,
    app_key=APP.app_key,
    account_id=1,
    service=Service.CALLBACK,
    accepted_at=ACCEPTED,
    display_a="+8675528000001",
    a_number="+8613900000001",
    display_b="+8675528000002",
    b_number="+8613900000002",
    user_data="order-20260301-7",
    wants_party_type=True,
    record=True,
    recording_name="26030108155210310000001.wav",
)
NOTIFICATION = Call(
    session="1201_32_4294967295_20260301081601@callenabler1.example.com",
    app_key=APP.app_key,
    account_id=1,
    service=Service.NOTIFICATION,
    accepted_at=ACCEPTED,
    display_a="+8675528000001",
    a_number="+8613900000003",
    user_data="parcel-88",
)


def at(clock: str, millisecond: int = 0) -> datetime:
    hour, minute, second = map(int, clock.split(":"))
    return datetime(2026, 3, 1, hour, minute, second, millisecond * 1000, tzinfo=UTC)


def event(kind: EventKind, clock: str, **members: object) -> CallEvent:
    return replace(CallEvent(SESSION, 1, kind, at(clock)), **members)  # type: ignore[arg-type]


def wire(body: Mapping[str, object]) -> str:
    return json.dumps(body, separators=(",", ":"))


# Status events: the examples of the wire format.


def test_callout_of_a_is_the_published_example() -> None:
    body = status_body(CALLBACK, event(EventKind.CALLOUT, "08:15:30", party=Party.A))
    assert wire(body) == (
        '{"eventType":"callout","statusInfo":{"sessionId":"1201_31_4294967295_20260301081530'
        '@callenabler1.example.com","timestamp":"2026-03-01 08:15:30","caller":"+8675528000001",'
        '"called":"+8613900000001","userData":"order-20260301-7"}}'
    )


def test_answer_of_b_is_the_published_example() -> None:
    body = status_body(CALLBACK, event(EventKind.ANSWER, "08:15:52", party=Party.B))
    assert wire(body) == (
        '{"eventType":"answer","statusInfo":{"sessionId":"1201_31_4294967295_20260301081530'
        '@callenabler1.example.com","timestamp":"2026-03-01 08:15:52","caller":"+8675528000002",'
        '"called":"+8613900000002","userData":"order-20260301-7"}}'
    )


def test_collect_info_is_the_published_example() -> None:
    body = status_body(NOTIFICATION, event(EventKind.COLLECT_INFO, "08:16:29", party=Party.A, digits="1"))
    assert wire(body) == (
        '{"eventType":"collectInfo","statusInfo":{"sessionId":"1201_32_4294967295_20260301081601'
        '@callenabler1.example.com","timestamp":"2026-03-01 08:16:29","digitInfo":"1",'
        '"userData":"parcel-88"}}'
    )


def test_disconnect_is_the_published_example() -> None:
    body = status_body(CALLBACK, event(EventKind.DISCONNECT, "08:17:40", ended_by=Party.B), b_called=True)
    assert wire(body) == (
        '{"eventType":"disconnect","statusInfo":{"sessionId":"1201_31_4294967295_20260301081530'
        '@callenabler1.example.com","timestamp":"2026-03-01 08:17:40","caller":"+8675528000002",'
        '"called":"+8613900000002","partyType":"callee","stateCode":0,'
        '"stateDesc":"The user releases the call.","userData":"order-20260301-7"}}'
    )


def info(body: Mapping[str, object]) -> dict[str, object]:
    inner = body["statusInfo"]
    assert isinstance(inner, dict)
    return inner


def test_disconnect_before_b_was_called_has_the_first_legs_numbers() -> None:
    inner = info(status_body(CALLBACK, event(EventKind.DISCONNECT, "08:17:40", state_code=8101)))
    assert (inner["caller"], inner["called"]) == ("+8675528000001", "+8613900000001")


@pytest.mark.parametrize(
    ("ended_by", "value"), [(Party.A, "caller"), (Party.B, "callee"), (None, "platform")]
)
def test_party_type_names_who_hung_up(ended_by: Party | None, value: str) -> None:
    inner = info(status_body(CALLBACK, event(EventKind.DISCONNECT, "08:17:40", ended_by=ended_by)))
    assert inner["partyType"] == value


@pytest.mark.parametrize(
    "call", [replace(CALLBACK, wants_party_type=False), replace(NOTIFICATION, wants_party_type=True)]
)
def test_party_type_is_left_out_unless_a_callback_asked(call: Call) -> None:
    assert "partyType" not in info(status_body(call, event(EventKind.DISCONNECT, "08:17:40")))


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind is not EventKind.RECORD])
def test_user_data_is_left_out_where_the_request_had_none(kind: EventKind) -> None:
    assert "userData" not in info(status_body(replace(CALLBACK, user_data=""), event(kind, "08:15:30")))


ALWAYS = {"sessionId", "timestamp", "userData"}


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (EventKind.CALLOUT, ALWAYS | {"caller", "called"}),
        (EventKind.ALERTING, ALWAYS | {"caller", "called"}),
        (EventKind.ANSWER, ALWAYS | {"caller", "called"}),
        (EventKind.COLLECT_INFO, ALWAYS | {"digitInfo"}),
        (EventKind.DISCONNECT, ALWAYS | {"caller", "called", "partyType", "stateCode", "stateDesc"}),
    ],
)
def test_each_event_has_exactly_its_members(kind: EventKind, members: set[str]) -> None:
    assert set(info(status_body(CALLBACK, event(kind, "08:15:30")))) == members


def test_a_record_is_no_status_event() -> None:
    with pytest.raises(ValueError, match="record event is not pushed"):
        status_body(CALLBACK, event(EventKind.RECORD, "08:15:30"))


def test_every_published_state_has_a_text_of_permitted_length() -> None:
    codes = {0, 7001, 7002, 7003, 7004, 7108, 7109, *range(8000, 8011), 8012, 8015, 8017, 8018, 8020}
    codes |= set(range(8100, 8106))
    assert codes <= set(STATE_DESC)
    assert all(1 <= len(text) <= 128 and text.isascii() for text in STATE_DESC.values())


def test_an_unknown_state_has_a_text_too() -> None:
    assert state_desc(9999) == "The call ends with code 9999."


def test_wire_time_refuses_a_moment_without_a_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        wire_time(datetime(2026, 3, 1))


def test_wire_time_cuts_and_never_rounds_up() -> None:
    assert wire_time(at("08:15:59", 999)) == "2026-03-01 08:15:59"


# CDRs.


def seconds(clock: str) -> float:
    return (at(clock) - ACCEPTED).total_seconds()


def leg(number: str, *clocks: str | None, q850: int = 0, sip_status: int = 0) -> LegRecord:
    called, rang, answered, ended = (None if clock is None else seconds(clock) for clock in clocks)
    return LegRecord(number, "", called, rang, answered, ended, q850, sip_status)


TALK = CallRecord(
    session=SESSION,
    verdict=Verdict(0, ended_by=Party.B),
    a=leg("+8613900000001", "08:15:30", "08:15:34", "08:15:41", "08:17:40", q850=16),
    b=leg("+8613900000002", "08:15:44", "08:15:47", "08:15:52", "08:17:40", q850=16),
    started_at_s=0.0,
    ended_at_s=seconds("08:17:40"),
    utc_offset_s=ACCEPTED.timestamp(),
    talk_started_at_s=seconds("08:15:52"),
    recording=RecordingRecord(None, "", 108.0),
)


def talk(**changes: object) -> dict[str, object]:
    return replace(TALK, **changes).as_json()  # type: ignore[arg-type]


def recorded() -> dict[str, object]:
    return {**talk(), "recording": {"path": "/var/lib/x/26030108155210310000001.wav", "duration_s": 108.0}}


def fee(record: Mapping[str, object], call: Call = CALLBACK) -> dict[str, object]:
    return fee_info(
        call,
        APP,
        record,
        host="callenabler1.example.com",
        record_domain="record.example.com",
        bucket="sp-demo",
    )


def test_cdr_of_a_recorded_callback_is_the_published_example() -> None:
    made = fee(recorded())
    icid = made.pop("icid")
    assert wire(fee_body([made])) == (
        '{"eventType":"fee","feeLst":[{"direction":0,"spId":"demo_sp","appKey":"vcDemoAppKey0123456789AbCd",'
        '"bindNum":"+8675528000001",'
        '"sessionId":"1201_31_4294967295_20260301081530@callenabler1.example.com",'
        '"callerNum":"+8675528000001","calleeNum":"+8613900000001",'
        '"fwdDisplayNum":"+8675528000002","fwdDstNum":"+8613900000002",'
        '"callOutStartTime":"2026-03-01 08:15:30","callOutAlertingTime":"2026-03-01 08:15:34",'
        '"callOutAnswerTime":"2026-03-01 08:15:41",'
        '"fwdStartTime":"2026-03-01 08:15:44","fwdAlertingTime":"2026-03-01 08:15:47",'
        '"fwdAnswerTime":"2026-03-01 08:15:52",'
        '"callEndTime":"2026-03-01 08:17:40","fwdUnaswRsn":0,"ulFailReason":0,"sipStatusCode":0,'
        '"callOutUnaswRsn":0,'
        '"recordFlag":1,"recordStartTime":"2026-03-01 08:15:52","recordDomain":"record.example.com",'
        '"recordBucketName":"sp-demo",'
        '"recordObjectName":"26030108155210310000001.wav","ttsPlayTimes":0,"ttsTransDuration":0,'
        '"serviceType":"002","hostName":"callenabler1.example.com","userData":"order-20260301-7"}]}'
    )
    assert isinstance(icid, str)
    hashed, ntp_s, *rest = icid.split(".")
    # 2026-03-01 08:15:30 UTC is 1772352930 s after 1970, and 1970 is 2208988800 s after 1900.
    assert (len(hashed), ntp_s, rest) == (32, "3981341730", ["0", "5"])


def test_icid_is_the_same_when_made_again_and_another_for_another_call() -> None:
    other = replace(CALLBACK, session="another")
    assert fee(recorded())["icid"] == fee(recorded())["icid"] != fee(recorded(), other)["icid"]


def test_cdr_of_a_notification_has_no_second_leg_and_of_recording_the_flag_only() -> None:
    record = {**replace(TALK, b=None).as_json(), "tts": {"plays": 1, "seconds": 0.31}}
    made = fee({**record, "recording": {"path": "/x.wav"}}, NOTIFICATION)
    assert [name for name in made if name.startswith("fwd")] == ["fwdUnaswRsn"]
    assert [name for name in made if name.startswith("record")] == ["recordFlag"]
    assert (made["recordFlag"], made["serviceType"]) == (0, "001")
    assert (made["ttsPlayTimes"], made["ttsTransDuration"]) == (1, 1)


def test_a_callback_that_was_not_recorded_says_so() -> None:
    made = fee(talk())
    assert made["recordFlag"] == 0
    assert "recordObjectName" not in made
    assert "recordStartTime" not in made


def causes(made: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(made[name] for name in ("callOutUnaswRsn", "fwdUnaswRsn", "sipStatusCode", "ulFailReason"))


UNANSWERED_A = ("08:15:30", "08:15:34", None, "08:16:00")
UNANSWERED_B = ("08:15:44", "08:15:47", None, "08:16:00")
NEVER = (None, None, None, None)


@pytest.mark.parametrize(
    ("state", "point", "q850", "status", "expected"),
    [
        (8100, 519, 1, 404, (1, 0, 404, 519)),
        (8003, 514, 16, 487, (19, 0, 480, 514)),  # our CANCEL made it a 487: the timer is the reason
        (8102, 519, 17, 486, (17, 0, 486, 519)),
        (8102, 0, 0, 0, (17, 0, 486, 518)),  # no cause on record: that of the stateCode
        (8105, 519, 21, 603, (21, 0, 603, 519)),
        (8103, 519, 20, 480, (20, 0, 480, 519)),
        (7109, 522, 47, 503, (47, 0, 503, 522)),
        (8017, 0, 16, 487, (0, 0, 0, 0)),
    ],
)
def test_causes_of_a_first_leg_that_failed(
    state: int, point: int, q850: int, status: int, expected: tuple[int, ...]
) -> None:
    a = leg("a", *UNANSWERED_A, q850=q850, sip_status=status)
    made = fee(talk(verdict=Verdict(state, point), a=a, b=leg("b", *NEVER), talk_started_at_s=None))
    assert causes(made) == expected


@pytest.mark.parametrize(
    ("state", "point", "q850", "status", "expected"),
    [
        (8101, 514, 16, 487, (0, 19, 480, 514)),
        (8102, 518, 17, 486, (0, 17, 486, 518)),
        (8009, 552, 16, 487, (0, 16, 487, 552)),
        (8009, 553, 0, 0, (0, 16, 487, 553)),
        (8104, 518, 20, 480, (0, 20, 480, 518)),
        (8002, 518, 1, 404, (0, 1, 404, 518)),
    ],
)
def test_causes_of_a_second_leg_that_failed(
    state: int, point: int, q850: int, status: int, expected: tuple[int, ...]
) -> None:
    b = leg("b", *UNANSWERED_B, q850=q850, sip_status=status)
    made = fee(talk(verdict=Verdict(state, point), b=b, talk_started_at_s=None))
    assert causes(made) == expected
    assert made["failTime"] == "2026-03-01 08:16:00"


@pytest.mark.parametrize(
    ("state", "point", "expected"),
    [
        (0, 0, (0, 0, 0, 0)),
        (8010, 0, (0, 0, 0, 0)),
        (8017, 0, (0, 0, 0, 0)),
        (8006, 0, (0, 0, 0, 524)),
        (8008, 100, (0, 0, 0, 100)),
    ],
)
def test_causes_of_a_call_whose_parties_answered(state: int, point: int, expected: tuple[int, ...]) -> None:
    made = fee(talk(verdict=Verdict(state, point)))
    assert causes(made) == expected
    assert ("failTime" in made) == any(expected)


def test_cdr_of_a_first_party_that_left_before_b_was_called_blames_no_leg() -> None:
    verdict = Verdict(8009, 530, ended_by=Party.A)
    made = fee(talk(verdict=verdict, b=leg("b", *NEVER), talk_started_at_s=None))
    assert causes(made) == (0, 0, 0, 530)
    assert "fwdStartTime" not in made


# Calls without a record.

COMPLETE = {
    "direction",
    "spId",
    "appKey",
    "icid",
    "bindNum",
    "sessionId",
    "callerNum",
    "calleeNum",
    "callEndTime",
    "failTime",
    "fwdUnaswRsn",
    "ulFailReason",
    "sipStatusCode",
    "callOutUnaswRsn",
    "recordFlag",
    "ttsPlayTimes",
    "ttsTransDuration",
    "serviceType",
    "hostName",
    "userData",
}


def test_cdr_of_a_call_never_dialled_is_complete() -> None:
    made = fee(lost_record(NOTIFICATION, [], ended_at=at("08:16:00")), NOTIFICATION)
    assert set(made) == COMPLETE
    assert made["callEndTime"] == made["failTime"] == "2026-03-01 08:16:00"
    assert causes(made) == (41, 0, 500, 8020)


def test_cdr_of_a_lost_callback_keeps_what_was_known() -> None:
    events = [
        event(EventKind.CALLOUT, "08:15:30", party=Party.A),
        event(EventKind.ALERTING, "08:15:34", party=Party.A),
        event(EventKind.ANSWER, "08:15:41", party=Party.A),
        event(EventKind.CALLOUT, "08:15:44", party=Party.B),
        event(EventKind.ANSWER, "08:15:52", party=Party.B),
    ]
    recovered = {"path": "/x/26030108155210310000001.wav", "reason": "", "duration_s": 60.0}
    made = fee(lost_record(CALLBACK, events, ended_at=at("08:17:00"), recording=recovered))
    assert made["callOutAnswerTime"] == "2026-03-01 08:15:41"
    assert made["fwdStartTime"] == "2026-03-01 08:15:44"
    assert made["fwdAnswerTime"] == made["recordStartTime"] == "2026-03-01 08:15:52"
    assert "fwdAlertingTime" not in made
    assert (made["recordFlag"], made["recordObjectName"]) == (1, "26030108155210310000001.wav")
    assert causes(made) == (0, 0, 0, 8020)


def test_disconnect_that_was_pushed_decides_the_lost_record() -> None:
    events = [
        event(EventKind.CALLOUT, "08:15:30", party=Party.A),
        event(EventKind.DISCONNECT, "08:15:40", state_code=8102, release_point=519),
    ]
    made = fee(lost_record(CALLBACK, events, ended_at=at("08:20:00")))
    assert made["callEndTime"] == "2026-03-01 08:15:40"
    assert causes(made) == (17, 0, 486, 519)


def test_lost_record_has_the_members_of_a_written_one() -> None:
    written = TALK.as_json()
    lost = lost_record(CALLBACK, [], ended_at=at("08:20:00"))
    assert set(lost) == set(written)
    legs, written_legs = lost["legs"], written["legs"]
    assert isinstance(legs, dict)
    assert isinstance(written_legs, dict)
    assert set(legs["A"]) == set(written_legs["A"])


def test_second_leg_is_called_from_its_callout_on() -> None:
    a = event(EventKind.CALLOUT, "08:15:30", party=Party.A)
    assert not second_leg_called([a])
    assert second_leg_called([a, replace(a, party=Party.B)])


def test_an_empty_record_gives_a_cdr_that_ends_when_it_was_accepted() -> None:
    assert fee({})["callEndTime"] == "2026-03-01 08:15:30"
