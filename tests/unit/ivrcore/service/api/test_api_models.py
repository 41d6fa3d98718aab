"""Orders: what is read, what offends, and which parameter is named for it."""

import base64
import json
from collections.abc import Mapping

import pytest

from ivrcore.request import CalleeMedia, Language, WarnedParty
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.fields import Reading
from ivrcore.service.api.models import (
    CallbackOrder,
    NotificationOrder,
    StopOrder,
    VerificationOrder,
    parse_json,
    read,
)
from ivrcore.service.api.testing import CALLBACK_BODY, NOTIFICATION_BODY, SESSION, VERIFICATION_BODY

LENIENT, STRICT = Reading(), Reading(lenient=False)
BOTH = pytest.mark.parametrize("reading", [LENIENT, STRICT], ids=["lenient", "strict"])

FULL_CALLBACK = {
    **CALLBACK_BODY,
    "maxDuration": 30,
    "lastMinVoice": "lastmin_voice1.wav",
    "lastMinToUE": "toa",
    "playPreVoice": "true",
    "preVoice": "pre_voice1.wav",
    "waitVoice": "wait_voice1.wav",
    "calleeMedia": "none",
    "statusUrl": "aHR0cHM6Ly9zcC5leGFtcGxlLmNvbTo5NDQzL3ZvaWNlY2FsbC9zdGF0dXM=",
    "feeUrl": "aHR0cHM6Ly9zcC5leGFtcGxlLmNvbTo5NDQzL3ZvaWNlY2FsbC9mZWU=",
    "recordFlag": "true",
    "recordHintTone": "recordhint_voice1.wav",
    "partyTypeRequiredInDisconnect": "true",
    "returnIdlePort": "true",
    "userData": "order-20260301-7",
    "callBackTone": "tone.wav",
    "bindNbr": "+8675528000009",
}

TEMPLATE = {"templateId": "demo_template01", "templateParas": ["3", "Gate 2"]}


def element(**parameters: object) -> dict[str, object]:
    """A notification of one element."""
    return {**NOTIFICATION_BODY, "playInfoList": [parameters]}


def refused(
    model: type[CallbackOrder] | type[NotificationOrder] | type[VerificationOrder] | type[StopOrder],
    body: object,
    reading: Reading = LENIENT,
) -> str:
    with pytest.raises(Refusal) as caught:
        read(model, body, reading)
    return f"{caught.value.result.code} {caught.value.description}"


@BOTH
def test_every_parameter_of_a_callback_arrives(reading: Reading) -> None:
    order = read(CallbackOrder, FULL_CALLBACK, reading)
    assert order.display_nbr == "+8675528000001"
    assert order.caller_nbr == "+8613900000001"
    assert order.display_callee_nbr == "+8675528000002"
    assert order.callee_nbr == "+8613900000002"
    assert order.bind_nbr == "+8675528000009"
    assert order.max_duration == 30
    assert order.last_min_to_ue is WarnedParty.A
    assert order.callee_media is CalleeMedia.NONE
    assert order.play_pre_voice
    assert order.record_flag
    assert order.party_type_required_in_disconnect
    assert order.return_idle_port
    assert order.status_url == "https://sp.example.com:9443/voicecall/status"
    assert order.fee_url == "https://sp.example.com:9443/voicecall/fee"
    assert order.user_data == "order-20260301-7"


@BOTH
def test_documented_defaults_of_a_callback(reading: Reading) -> None:
    order = read(CallbackOrder, CALLBACK_BODY, reading)
    assert order.max_duration == 0
    assert order.last_min_to_ue is WarnedParty.BOTH
    assert order.callee_media is CalleeMedia.ALL
    assert not order.play_pre_voice
    assert not order.record_flag
    assert not order.return_idle_port
    assert (order.status_url, order.fee_url, order.user_data, order.voices()) == ("", "", "", ())


def test_only_files_with_an_effect_must_exist() -> None:
    order = read(CallbackOrder, FULL_CALLBACK, LENIENT)
    assert order.voices() == (
        "lastmin_voice1.wav", "pre_voice1.wav", "wait_voice1.wav", "recordhint_voice1.wav", "tone.wav",
    )  # fmt: skip
    without = {**FULL_CALLBACK, "maxDuration": 0, "playPreVoice": "false", "recordFlag": "false"}
    assert read(CallbackOrder, without, LENIENT).voices() == ("wait_voice1.wav", "tone.wav")


@BOTH
@pytest.mark.parametrize("name", ["displayNbr", "callerNbr", "displayCalleeNbr", "calleeNbr"])
def test_a_missing_mandatory_parameter_is_named(name: str, reading: Reading) -> None:
    body = {key: value for key, value in FULL_CALLBACK.items() if key != name}
    assert refused(CallbackOrder, body, reading) == f"1010002 Invalid request.{name}"


@pytest.mark.parametrize("name", ["displayNbr", "calleeNbr", "languageType", "preTone", "verifyCode"])
def test_a_missing_mandatory_parameter_of_a_verification_is_named(name: str) -> None:
    body = {key: value for key, value in VERIFICATION_BODY.items() if key != name}
    assert refused(VerificationOrder, body) == f"1010002 Invalid request.{name}"


@BOTH
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("maxDuration", [-1, 1441, 2**70, 1.5, "a", True, [], {}]),
        ("lastMinVoice", ["a/b.wav", "../a.wav", "a b.wav", "语音.wav", "a" * 129, "a\n", "a\x00"]),
        ("lastMinToUE", ["all", "TOA", 1]),
        ("playPreVoice", ["yes", "1", 1, "true "]),
        ("calleeMedia", ["some", ["all"]]),
        ("recordHintTone", ["a%20.wav", ["a.wav"]]),
        ("returnIdlePort", ["on", 0]),
        ("userData", ["{", "a}", "中文", "，", "\U00020000", "a" * 257, "a\nb", "a\x00", ["a"], {"a": 1}]),
        ("callBackTone", ["a/b"]),
        ("statusUrl", ["https://sp.example.com/", "%%%", "é", 7]),
    ],
)
def test_an_illegal_value_is_named(name: str, values: list[object], reading: Reading) -> None:
    for value in values:
        if value == 7 and reading.lenient:
            continue  # "7" is no Base64 either, but reads as one letter without its padding: see below
        told = refused(CallbackOrder, {**FULL_CALLBACK, name: value}, reading)
        assert told == f"1010002 Invalid request.{name}", value


@BOTH
@pytest.mark.parametrize("value", ["", None])
def test_nothing_where_a_value_is_mandatory_is_named(value: object, reading: Reading) -> None:
    assert refused(CallbackOrder, {**FULL_CALLBACK, "callerNbr": value}, reading).startswith("10100")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("displayNbr", "1010023 Invalid display number."),
        ("displayCalleeNbr", "1010023 Invalid display number."),
        ("callerNbr", "1010024 Invalid caller number."),
        ("calleeNbr", "1010002 Invalid request.calleeNbr"),
        ("bindNbr", "1020151 The bindNum is invalid."),
    ],
)
def test_an_illegal_number_has_its_own_code(name: str, told: str) -> None:
    for number in ("12", "+86 139", "+86139x", "++8613900000001", "+" + "1" * 31, "٣٣٣٣٣٣", "sip:a@b"):
        assert refused(CallbackOrder, {**FULL_CALLBACK, name: number}) == told, number


def test_sip_uris_are_numbers_only_in_a_lab_and_only_to_be_called() -> None:
    lab = Reading(sip_uris=True)
    body = {**CALLBACK_BODY, "callerNbr": "sip:a@127.0.0.1:5070", "calleeNbr": "sip:b@127.0.0.1:5071"}
    assert read(CallbackOrder, body, lab).caller_nbr == "sip:a@127.0.0.1:5070"
    assert refused(CallbackOrder, body) == "1010024 Invalid caller number."
    body = {**CALLBACK_BODY, "displayNbr": "sip:a@127.0.0.1"}
    assert refused(CallbackOrder, body, lab) == "1010023 Invalid display number."
    body = {**CALLBACK_BODY, "calleeNbr": "sip:a@b>\r\nX: y"}
    assert refused(CallbackOrder, body, lab) == "1010002 Invalid request.calleeNbr"


def test_the_first_offending_parameter_in_documented_order_is_named() -> None:
    body = {"userData": "{", "calleeMedia": "x", "calleeNbr": "x", "callerNbr": "x", "displayNbr": "+861"}
    assert refused(CallbackOrder, body) == "1010024 Invalid caller number."
    del body["callerNbr"]
    assert refused(CallbackOrder, body) == "1010002 Invalid request.callerNbr"
    assert refused(CallbackOrder, {**FULL_CALLBACK, "userData": "{", "maxDuration": -1}).endswith(
        "maxDuration"
    )


@BOTH
def test_unknown_members_are_ignored(reading: Reading) -> None:
    read(CallbackOrder, {**CALLBACK_BODY, "x": {"y": [1]}, "display_nbr": "+1", "DisplayNbr": 1}, reading)


def test_python_names_are_not_wire_names() -> None:
    body = {"display_nbr" if key == "displayNbr" else key: value for key, value in CALLBACK_BODY.items()}
    assert refused(CallbackOrder, body) == "1010002 Invalid request.displayNbr"


# What lenient reading takes, and strict reading names.


@pytest.mark.parametrize(
    ("name", "sent", "read_as"),
    [
        ("maxDuration", "30", 30),
        ("maxDuration", 30.0, 30),
        ("playPreVoice", True, True),
        ("playPreVoice", "TRUE", True),
        ("recordFlag", False, False),
        ("userData", 88, "88"),
        ("bindNbr", "", ""),
        ("lastMinVoice", None, ""),
    ],
)
def test_known_slips_of_clients_are_taken_by_lenient_reading_only(
    name: str, sent: object, read_as: object
) -> None:
    body = {**FULL_CALLBACK, name: sent}
    order = read(CallbackOrder, body, LENIENT)
    values = {field.alias: getattr(order, key) for key, field in CallbackOrder.model_fields.items()}
    assert values[name] == read_as
    assert refused(CallbackOrder, body, STRICT).split()[0] in ("1010002", "1020151")


def test_third_party_notification_is_read() -> None:
    body = element(
        templateId="demo_template01",
        templateParas='["3","Gate 2"]',
        collectInd="1",
        replayAfterCollection=True,
        collectContentTriggerReplaying=1,
    )
    (content,) = read(NotificationOrder, body, LENIENT).play_info_list
    assert content.template_paras == ("3", "Gate 2")
    assert content.collect_ind == 1
    assert content.replay_after_collection
    assert content.collect_content_trigger_replaying == "1"
    assert refused(NotificationOrder, body, STRICT) == "1010002 Invalid request.templateParas"


@pytest.mark.parametrize("text", ["", "[", "3", '{"a":1}', "[[1]]", "[" * 5000])
def test_values_of_a_template_that_are_no_list_are_named(text: str) -> None:
    body = element(templateId="t", templateParas=text)
    assert refused(NotificationOrder, body) == "1010002 Invalid request.templateParas"


def test_numbers_among_the_values_of_a_template_are_texts() -> None:
    (content,) = read(
        NotificationOrder, element(templateId="t", templateParas=[3, "b"]), LENIENT
    ).play_info_list
    assert content.template_paras == ("3", "b")


# Notifications.


@BOTH
@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "notifyVoice"),
        ({"collectInd": 1}, "notifyVoice"),
        ({"notifyVoice": "a.wav", **TEMPLATE}, "templateId"),
        ({"templateId": "t"}, "templateParas"),
        ({"templateId": "a/b", "templateParas": []}, "templateId"),
        ({"templateId": "t", "templateParas": ["a$"]}, "templateParas"),
        ({"templateId": "t", "templateParas": ["{a"]}, "templateParas"),
        ({"templateId": "t", "templateParas": ["a", "b}"]}, "templateParas"),
        ({"templateId": "t", "templateParas": ["a", None]}, "templateParas"),
        ({"notifyVoice": "a.wav", "collectInd": 33}, "collectInd"),
        ({"notifyVoice": "a.wav", "collectInd": -1}, "collectInd"),
        ({"notifyVoice": "a.wav", "replayAfterCollection": "maybe"}, "replayAfterCollection"),
        ({"notifyVoice": "a.wav", "collectContentTriggerReplaying": "1,2"}, "collectContentTriggerReplaying"),
        (
            {"notifyVoice": "a.wav", "collectContentTriggerReplaying": "1" * 33},
            "collectContentTriggerReplaying",
        ),
        ({"ttsContent": "你好"}, "ttsContent"),
        ({"notifyVoice": "a.wav", "ttsContent": "你好"}, "ttsContent"),
    ],
)
def test_an_offence_within_an_element_is_named(
    parameters: Mapping[str, object], named: str, reading: Reading
) -> None:
    assert refused(NotificationOrder, element(**parameters), reading) == f"1010002 Invalid request.{named}"


@BOTH
@pytest.mark.parametrize(
    "elements", [[], [{"notifyVoice": "a.wav"}] * 6, {}, {"notifyVoice": "a.wav"}, ["a.wav"], [None], "a", 5]
)
def test_a_play_list_of_the_wrong_shape_is_named(elements: object, reading: Reading) -> None:
    body = {**NOTIFICATION_BODY, "playInfoList": elements}
    assert refused(NotificationOrder, body, reading) == "1010002 Invalid request.playInfoList"


@BOTH
def test_a_template_without_variables_takes_an_empty_list(reading: Reading) -> None:
    (content,) = read(NotificationOrder, element(templateId="t", templateParas=[]), reading).play_info_list
    assert content.template_paras == ()


def test_a_text_is_an_element_where_the_setting_allows_it() -> None:
    free = Reading(tts_content=True)
    (content,) = read(NotificationOrder, element(ttsContent="你好"), free).play_info_list
    assert content.tts_content == "你好"
    for text in ("好" * 301, "a\x00"):  # 903 bytes
        assert refused(NotificationOrder, element(ttsContent=text), free).endswith("ttsContent")
    assert refused(NotificationOrder, element(ttsContent="a", notifyVoice="a.wav"), free).endswith(
        "ttsContent"
    )


def test_files_of_a_notification_in_the_order_they_are_played() -> None:
    body = {
        **NOTIFICATION_BODY,
        "playInfoList": [{"notifyVoice": "b.wav"}, TEMPLATE, {"notifyVoice": "a.wav"}],
    }
    assert read(NotificationOrder, body, STRICT).voices() == ("b.wav", "a.wav")


# Verification and stop.


@BOTH
def test_a_verification_arrives(reading: Reading) -> None:
    order = read(VerificationOrder, {**VERIFICATION_BODY, "posTone": "b.wav", "times": 0}, reading)
    assert order.language is Language.CHINESE
    assert order.verify_code == "480213"
    assert order.times == 0
    assert order.voices() == ("verify_pre.wav", "b.wav")
    assert read(VerificationOrder, VERIFICATION_BODY, reading).times == 3


@BOTH
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("languageType", [0, 3, "zh", 1.5, True]),
        ("verifyCode", ["", "123456789", "12a4", "１２３４", " 123", "123\n"]),
        ("times", [-1, 10, "many"]),
        ("preTone", ["a/b"]),
        ("posTone", ["a b"]),
    ],
)
def test_an_illegal_value_of_a_verification_is_named(
    name: str, values: list[object], reading: Reading
) -> None:
    for value in values:
        told = refused(VerificationOrder, {**VERIFICATION_BODY, name: value}, reading)
        assert told == f"1010002 Invalid request.{name}", value


def test_a_code_sent_as_a_number_is_read_leniently() -> None:
    body = {**VERIFICATION_BODY, "verifyCode": 480213, "languageType": "2"}
    order = read(VerificationOrder, body, LENIENT)
    assert (order.verify_code, order.language) == ("480213", Language.ENGLISH)


@BOTH
def test_stop_takes_a_session_and_its_fixed_signal(reading: Reading) -> None:
    body = {"sessionid": SESSION, "signal": "call_stop"}
    assert read(StopOrder, body, reading).session_id == SESSION
    assert refused(StopOrder, {"signal": "call_stop"}, reading).endswith(".sessionid")
    assert refused(StopOrder, {"sessionid": SESSION}, reading).endswith(".signal")
    assert refused(StopOrder, {**body, "signal": "stop"}, reading).endswith(".signal")
    assert refused(StopOrder, {"sessionId": SESSION, "signal": "call_stop"}, reading).endswith(".sessionid")
    for session in ("", "a" * 257, "a\x00", "a b"):
        assert refused(StopOrder, {**body, "sessionid": session}, reading).endswith(".sessionid")


# Addresses for pushes.


def encoded(url: str) -> str:
    return base64.b64encode(url.encode()).decode()


def test_check_value_of_the_documentation() -> None:
    body = {**CALLBACK_BODY, "feeUrl": "aHR0cHM6Ly93d3cuaHVhd2VpLmNvbTo5MzMwL2ZlZQ=="}
    assert read(CallbackOrder, body, STRICT).fee_url == "https://www.huawei.com:9330/fee"


@BOTH
@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "a.example/", "https://", "https:///x", "https://a b/", "https://u@a.example/",
            "https://a.example:0/", "https://a.example:99999/", "https://a.example/<x>", "https://例.example/",
            "javascript:x", "https://a.example/" + "a" * 90],
)  # fmt: skip
def test_an_address_that_is_none_is_named(url: str, reading: Reading) -> None:
    body = {**CALLBACK_BODY, "statusUrl": encoded(url)}
    assert refused(CallbackOrder, body, reading) == "1010002 Invalid request.statusUrl"


def test_documented_characters_in_strict_and_common_ones_in_lenient_reading() -> None:
    documented = "http://192.0.2.1:8080/a-b_c/d.e?f&g#h"
    common = "https://sp.example.com/fee?app=7&x=%41"
    assert read(CallbackOrder, {**CALLBACK_BODY, "feeUrl": encoded(documented)}, STRICT).fee_url == documented
    assert read(CallbackOrder, {**CALLBACK_BODY, "feeUrl": encoded(common)}, LENIENT).fee_url == common
    assert refused(CallbackOrder, {**CALLBACK_BODY, "feeUrl": encoded(common)}, STRICT).endswith("feeUrl")


def test_base64_with_breaks_or_without_padding_is_read_leniently() -> None:
    url = "https://sp.example.com/voicecall/fee"
    text = encoded(url)
    assert text.endswith("=") or len(text) % 4 == 0
    for variant in (text[:40] + "\r\n" + text[40:], text.rstrip("=")):
        assert read(CallbackOrder, {**CALLBACK_BODY, "feeUrl": variant}, LENIENT).fee_url == url


# Secrets.


def test_no_repr_and_no_stored_request_holds_a_secret() -> None:
    verification = read(VerificationOrder, VERIFICATION_BODY, LENIENT)
    assert "480213" not in repr(verification) + str(verification) + json.dumps(verification.as_request())
    body = element(**{**TEMPLATE, "collectInd": 2, "replayAfterCollection": "true",
                      "collectContentTriggerReplaying": "97"})  # fmt: skip
    notification = read(NotificationOrder, body, LENIENT)
    shown = repr(notification) + json.dumps(notification.as_request())
    assert "Gate 2" not in shown
    assert "97" not in shown


def test_a_refusal_quotes_no_value() -> None:
    assert "4802x3" not in refused(VerificationOrder, {**VERIFICATION_BODY, "verifyCode": "4802x3"})


def test_the_stored_request_is_as_it_was_sent() -> None:
    assert read(CallbackOrder, FULL_CALLBACK, STRICT).as_request() == FULL_CALLBACK
    assert read(CallbackOrder, CALLBACK_BODY, STRICT).as_request() == CALLBACK_BODY


# The body itself.


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "body is not JSON"),
        (b"{", "body is not JSON"),
        (b'{"a":1} x', "body is not JSON"),
        (b'{"a":NaN}', "body is not JSON"),
        (b'{"a":-Infinity}', "body is not JSON"),
        (b'{"a":1e999}', "body is not JSON"),
        (b'{"a":' + b"9" * 60_000 + b"}", "body is not JSON"),
        (b"[" * 60_000, "body is not JSON"),
        (b'{"a":' * 10_000, "body is not JSON"),
        (b'{"a":"\xff"}', "body is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "body is not UTF-8"),
        (b'{"displayNbr":"1","displayNbr":"2"}', "displayNbr is there twice"),
        (b'{"a":{"<b>":1,"<b>":1}}', "a member is there twice"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_json(body)
    assert caught.value.description == f"Invalid request.{told}"


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"a"', b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refused(CallbackOrder, parse_json(body)) == "1010002 Invalid request.body is not a JSON object"


def test_a_byte_order_mark_is_no_offence() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@BOTH
def test_half_a_surrogate_is_refused_wherever_it_would_be_kept(reading: Reading) -> None:
    body = parse_json(b'{"sessionid":"\\ud800","signal":"call_stop"}')
    assert refused(StopOrder, body, reading).endswith("sessionid")
    for name in ("userData", "displayNbr", "lastMinVoice"):
        assert refused(CallbackOrder, {**FULL_CALLBACK, name: "\ud800"}, reading).startswith("10100")
    assert refused(NotificationOrder, element(templateId="t", templateParas=["\ud800"]), reading)
