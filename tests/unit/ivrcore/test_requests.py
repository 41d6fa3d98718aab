"""Requests are judged once, and what has no effect in them is not there."""

import pytest

from ivrcore.request import (
    Language,
    NotificationElement,
    NotificationRequest,
    RequestError,
    VerificationRequest,
)

SPOKEN = NotificationElement()


def verification(code: str = "1234", times: int = 3, ring_timeout_s: int = 60) -> VerificationRequest:
    return VerificationRequest("8001", "8100", code, times=times, ring_timeout_s=ring_timeout_s)


# ---- elements


@pytest.mark.parametrize("collect", [-1, 33])
def test_collection_beyond_32_digits_is_refused(collect: int) -> None:
    with pytest.raises(RequestError, match=f"collectInd {collect} is not 0 to 32"):
        NotificationElement(collect=collect)


@pytest.mark.parametrize("trigger", ["x", "1 2", "一", "1" * 33])
def test_trigger_that_cannot_be_pressed_is_refused_unquoted(trigger: str) -> None:
    with pytest.raises(RequestError, match="collectContentTriggerReplaying") as refused:
        NotificationElement(collect=32, replay=True, trigger=trigger)
    assert trigger not in str(refused.value).replace("collectContentTriggerReplaying", "").replace("32", "")


def test_replay_without_a_collection_has_no_effect() -> None:
    assert NotificationElement(replay=True, trigger="1") == NotificationElement()


def test_trigger_without_a_replay_has_no_effect() -> None:
    assert NotificationElement(collect=1, trigger="1") == NotificationElement(collect=1)


# ---- notifications


@pytest.mark.parametrize("count", [0, 6])
def test_notification_has_one_to_five_elements(count: int) -> None:
    with pytest.raises(RequestError, match=f"{count} elements is not 1 to 5"):
        NotificationRequest("8001", "8100", (SPOKEN,) * count)


@pytest.mark.parametrize("seconds", [0, 601])
def test_ring_timeout_out_of_range_is_refused(seconds: int) -> None:
    with pytest.raises(RequestError, match=f"ring timeout {seconds} s"):
        NotificationRequest("8001", "8100", (SPOKEN,), ring_timeout_s=seconds)
    with pytest.raises(RequestError, match=f"ring timeout {seconds} s"):
        verification(ring_timeout_s=seconds)


@pytest.mark.parametrize("replays", [-1, 101])
def test_number_of_replays_has_bounds(replays: int) -> None:
    with pytest.raises(RequestError, match=f"{replays} replays"):
        NotificationRequest("8001", "8100", (SPOKEN,), max_replays=replays)


# ---- verification codes


# ١٢ are Arabic-Indic digits, ２ is a full-width one: str.isdecimal takes them all.
@pytest.mark.parametrize("code", ["", "123456789", "12a4", "12 4", "#12", "١٢", "１２", "-1", "1.5"])
def test_code_is_one_to_eight_digits_and_never_quoted(code: str) -> None:
    with pytest.raises(RequestError, match=r"^verifyCode is not 1 to 8 digits$"):
        verification(code)


@pytest.mark.parametrize("code", ["0", "00000000", "12345678"])
def test_code_of_one_to_eight_digits_is_taken(code: str) -> None:
    assert verification(code).code == code


@pytest.mark.parametrize("times", [-1, 10])
def test_times_out_of_range_is_refused(times: int) -> None:
    with pytest.raises(RequestError, match=f"times {times} is not 0 to 9"):
        verification(times=times)


def test_code_is_spoken_three_times_in_chinese_by_default() -> None:
    request = VerificationRequest("8001", "8100", "1234")
    assert (request.times, request.language) == (3, Language.CHINESE)


def test_languages_have_the_numbers_of_the_interface() -> None:
    assert {language.name: language.value for language in Language} == {"CHINESE": 1, "ENGLISH": 2}


def test_no_repr_shows_a_code_or_a_trigger() -> None:
    assert "480213" not in repr(verification("480213"[:8]))
    element = NotificationElement(collect=4, replay=True, trigger="7391")
    assert "7391" not in repr(NotificationRequest("8001", "8100", (element,)))


def test_bare_request_holds_no_secret() -> None:
    bare = verification("4802").without_numbers()
    assert (bare.callee, bare.display, bare.code) == ("A", "", "0")
