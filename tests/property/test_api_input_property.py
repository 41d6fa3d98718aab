"""Whatever a client sends is an order or a refusal, and what is an order can be stored and answered."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivrcore.service.api.auth import attributes, is_timely, read_credentials
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.fields import Reading
from ivrcore.service.api.guard import client_ip, is_within
from ivrcore.service.api.models import (
    CallbackOrder,
    NotificationOrder,
    StopOrder,
    VerificationOrder,
    parse_json,
    read,
)
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import (
    AUTHORIZATION,
    CALLBACK_BODY,
    NOTIFICATION_BODY,
    NOW,
    SESSION,
    VERIFICATION_BODY,
)

Model = type[CallbackOrder] | type[NotificationOrder] | type[VerificationOrder] | type[StopOrder]
BODIES: list[tuple[Model, dict[str, object]]] = [
    (CallbackOrder, dict(CALLBACK_BODY)),
    (NotificationOrder, dict(NOTIFICATION_BODY)),
    (VerificationOrder, dict(VERIFICATION_BODY)),
    (StopOrder, {"sessionid": SESSION, "signal": "call_stop"}),
]
READINGS = [
    Reading(lenient, free, lab)
    for lenient in (True, False)
    for free in (True, False)
    for lab in (True, False)
]

# Surrogates too: JSON can escape half a character.
texts = st.text(st.characters(), max_size=300) | st.sampled_from(
    ["", "true", "both", "a.wav", "+8613900000001", "0"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def names(model: Model) -> list[str]:
    return [str(field.alias) for field in model.model_fields.values()]


@given(st.data(), st.sampled_from(BODIES), st.sampled_from(READINGS))
def test_any_value_in_any_parameter_is_read_or_refused(
    data: st.DataObject, kind: tuple[Model, dict[str, object]], reading: Reading
) -> None:
    model, body = kind
    changed = data.draw(st.dictionaries(st.sampled_from(names(model)), values, max_size=3))
    try:
        order = read(model, {**body, **changed}, reading)
    except Refusal as refusal:
        refusal.description.encode()
        return
    # It goes into a UTF-8 column, and PostgreSQL takes no NUL.
    stored = json.dumps(order.as_request(), ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode()


@given(st.data(), st.sampled_from(READINGS))
def test_any_element_of_a_notification_is_read_or_refused(data: st.DataObject, reading: Reading) -> None:
    element_names = st.sampled_from(
        ["notifyVoice", "templateId", "templateParas", "collectInd", "replayAfterCollection",
         "collectContentTriggerReplaying", "ttsContent"]
    )  # fmt: skip
    elements = data.draw(st.lists(st.dictionaries(element_names, values, max_size=4) | values, max_size=6))
    try:
        order = read(NotificationOrder, {**NOTIFICATION_BODY, "playInfoList": elements}, reading)
    except Refusal:
        return
    for element in order.play_info_list:
        contents = [element.notify_voice, element.template_id, element.tts_content]
        assert sum(map(bool, contents)) == 1
        assert all(not set("${}") & set(value) for value in element.template_paras)
        assert 0 <= element.collect_ind <= 32
        "".join([*contents, *element.template_paras]).encode()


@given(values, st.sampled_from(BODIES), st.sampled_from(READINGS))
def test_a_body_of_any_shape_is_read_or_refused(
    body: object, kind: tuple[Model, dict[str, object]], reading: Reading
) -> None:
    try:
        read(kind[0], body, reading)
    except Refusal:
        return


@given(st.binary(max_size=200) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xef\xbb\xbf")
@example(b"1" * 5000)
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except Refusal:
        return


@given(st.dictionaries(st.sampled_from(["authorization", "x-aksk", "x-wsse"]), texts), st.booleans())
def test_any_headers_are_read_or_refused(headers: dict[str, str], wsse: bool) -> None:
    with pytest.raises(Refusal):
        read_credentials(headers, wsse)


header_values = st.text(st.characters(codec="latin-1", exclude_characters='"'), max_size=150)


@given(header_values, header_values, header_values, header_values, st.permutations(range(4)))
def test_what_is_quoted_in_x_aksk_comes_out_as_it_went_in(
    username: str, digest: str, nonce: str, created: str, order: list[int]
) -> None:
    parts = [
        f'Username="{username}"',
        f'PasswordDigest="{digest}"',
        f'Nonce="{nonce}"',
        f'Created="{created}"',
    ]
    token = "UsernameToken " + ",".join(parts[n] for n in order)
    found = attributes(token)
    assert [found[name] for name in ("username", "passworddigest", "nonce", "created")] == [
        username, digest, nonce, created,
    ]  # fmt: skip
    try:
        read_credentials({"authorization": AUTHORIZATION, "x-aksk": token}, wsse=False)
    except Refusal:
        return


@given(texts | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", fullmatch=True))
@example("0001-01-01T00:00:00Z")
@example("9999-12-31T23:59:59-23:59")
@example("0001-01-01T00:00:00+23:59")
@example("2026-03-01T08:15:30+24:00")
def test_any_created_is_timely_or_not_or_refused(created: str) -> None:
    try:
        is_timely(created, NOW, ApiSettings())
    except Refusal:
        return


@given(texts, texts, st.lists(texts, max_size=3))
def test_any_text_is_an_address_or_none(ip: str, forwarded: str, networks: list[str]) -> None:
    is_within(ip, networks)
    assert client_ip("192.0.2.1", forwarded, networks) in ("192.0.2.1", *map(str.strip, forwarded.split(",")))
