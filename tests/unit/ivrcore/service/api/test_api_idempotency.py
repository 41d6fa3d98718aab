"""The Idempotency-Key: one order a key, whatever is repeated, and when."""

from collections.abc import Mapping

import pytest
from twisted.internet.defer import Deferred

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.idempotency import Turn, UnderWay, digest, read_key
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import CALLBACK_BODY, KEY, SESSION, Reply, ServedApi, demo_app, signed
from sip.manual_reactor import ManualReactor

PATH = "/rest/httpsessions/click2Call/v2.0"


def send(api: ServedApi, key: str, body: bytes | Mapping[str, object] = CALLBACK_BODY) -> Reply:
    return api.post(PATH, body, Idempotency_Key=key)


def test_a_repetition_gets_the_first_answer_and_no_second_call(api: ServedApi) -> None:
    first = send(api, "k1", {**CALLBACK_BODY, "returnIdlePort": "true"})
    api.world.service.idle_port = 1
    second = send(api, "k1", {**CALLBACK_BODY, "returnIdlePort": "true"})
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(api.world.service.orders) == 1


def test_without_a_key_each_request_is_an_order(api: ServedApi) -> None:
    for _ in range(2):
        assert api.post(PATH, CALLBACK_BODY).status == 200
    assert len(api.world.service.orders) == 2
    assert not api.world.service.answers


def test_a_key_is_refused_to_another_request(api: ServedApi) -> None:
    send(api, "k1")
    reply = send(api, "k1", {**CALLBACK_BODY, "userData": "other"})
    assert reply.result == (422, "1010002", "Invalid request.Idempotency-Key was used for another request")
    assert len(api.world.service.orders) == 1


def test_keys_of_two_applications_have_nothing_to_do_with_each_other(api: ServedApi) -> None:
    api.world.apps["another"] = demo_app(app_key="another")
    send(api, "k1")
    headers = {**signed("another"), "Idempotency-Key": "k1"}
    assert api.request("POST", PATH, {**CALLBACK_BODY, "userData": "x"}, headers).status == 200
    assert len(api.world.service.orders) == 2


def test_the_sandbox_path_is_the_same_request(api: ServedApi) -> None:
    send(api, "k1")
    assert api.post("/sandbox" + PATH, CALLBACK_BODY, Idempotency_Key="k1").status == 200
    assert len(api.world.service.orders) == 1


def test_a_refused_request_may_be_put_right_under_its_key(api: ServedApi) -> None:
    assert send(api, "k1", {**CALLBACK_BODY, "maxDuration": -1}).status == 403
    api.world.service.refusal = Refusal(ResultCode.NO_FREE_PORT)
    assert send(api, "k1").status == 403
    api.world.service.refusal = None
    assert send(api, "k1").status == 200


def test_a_key_does_not_replace_the_proof(api: ServedApi) -> None:
    send(api, "k1")
    headers = {**signed(secret="wrong"), "Idempotency-Key": "k1"}
    assert api.request("POST", PATH, CALLBACK_BODY, headers).status == 400


@pytest.mark.parametrize("key", ["k" * 129, "a b", "é"])
def test_a_key_that_cannot_be_stored_is_named(api: ServedApi, key: str) -> None:
    assert send(api, key).result == (403, "1010002", "Invalid request.Idempotency-Key")
    assert not api.world.service.orders


def test_two_at_once_are_one_order(api: ServedApi) -> None:
    held: Deferred[None] = Deferred()
    api.world.service.held = held
    first, second = api.begin(PATH, CALLBACK_BODY, "k1"), api.begin(PATH, CALLBACK_BODY, "k1")
    api.wait_until(lambda: bool(api.world.service.orders) and api.connections() == 2)
    api.call(held.callback, None)
    replies = first(), second()
    assert [reply.json["sessionId"] for reply in replies] == [SESSION, SESSION]
    assert len(api.world.service.orders) == 1


def test_another_request_by_a_key_under_way_is_refused_at_once(api: ServedApi) -> None:
    held: Deferred[None] = Deferred()
    api.world.service.held = held
    first = api.begin(PATH, CALLBACK_BODY, "k1")
    api.wait_until(lambda: bool(api.world.service.orders))
    assert send(api, "k1", {**CALLBACK_BODY, "userData": "other"}).status == 422
    api.call(held.callback, None)
    assert first().status == 200


def test_the_second_does_not_wait_for_ever() -> None:
    with ServedApi(settings=ApiSettings(idempotency_wait_s=0.1)) as api:
        held: Deferred[None] = Deferred()
        api.world.service.held = held
        first = api.begin(PATH, CALLBACK_BODY, "k1")
        api.wait_until(lambda: bool(api.world.service.orders))
        assert send(api, "k1").result == (
            409,
            "1010002",
            "Invalid request.Idempotency-Key is being carried out",
        )
        api.call(held.callback, None)
        assert first().status == 200
        assert send(api, "k1").status == 200
        assert len(api.world.service.orders) == 1


def test_the_digest_tells_requests_apart() -> None:
    assert digest("/a", b"x") == digest("/a", b"x")
    assert len({digest("/a", b"x"), digest("/b", b"x"), digest("/a", b"y")}) == 3
    assert len(digest("/a", b"x")) == 64


def test_keys_are_up_to_128_visible_characters() -> None:
    assert read_key(None) is None
    assert read_key("k" * 128) == "k" * 128
    with pytest.raises(Refusal):
        read_key("")


def test_turns_are_taken_one_after_the_other_and_leave_nothing() -> None:
    clock = ManualReactor()
    under_way = UnderWay(clock, wait_s=10)
    turns: list[Turn] = []

    for _ in range(3):
        Deferred.fromCoroutine(under_way.turn(KEY, "k", "same")).addCallback(turns.append)
    assert len(turns) == 1
    for n in range(3):
        with turns[n]:
            assert len(turns) == n + 1
    assert len(turns) == 3
    assert len(under_way) == 0
    assert clock.pending() == 0


def test_a_turn_ends_also_by_an_exception() -> None:
    under_way = UnderWay(ManualReactor(), wait_s=10)
    turns: list[Turn] = []
    Deferred.fromCoroutine(under_way.turn(KEY, "k", "r")).addCallback(turns.append)
    with pytest.raises(ZeroDivisionError), turns[0]:
        raise ZeroDivisionError
    assert len(under_way) == 0
