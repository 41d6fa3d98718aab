"""The table of results against the published one."""

import pytest

from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.results import BY_CODE, MAX_DESCRIPTION, ResultCode


def test_codes_are_unique() -> None:
    assert len(BY_CODE) == len(ResultCode)


@pytest.mark.parametrize("result", ResultCode, ids=lambda result: result.code)
def test_http_status_by_group(result: ResultCode) -> None:
    if result is ResultCode.SUCCESS:
        expected = 200
    elif result.code.startswith("10230") or result.code == "1010013":
        expected = 400
    elif result.code in ("1010001", "1020001", "1020002", "1020150", "1020151"):
        expected = 500
    else:
        expected = 403
    assert result.http_status == expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("0", "Success"),
        ("1010002", "Invalid request."),
        ("1010003", "Invalid app_key."),
        ("1010007", "The ativeState of User is not ACTIVATING."),
        ("1010040", "The app_key is not allowed to invoke the API."),
        ("1012004", "The template ID does not exist."),
        ("1012012", "Application does not open recording function."),
        ("1020165", "The appkey call port of using exceeds the limited."),
        ("1020166", "The app client ip is not in ip white list."),
        ("1020176", "Authentication failed, try again later"),
        ("1023033", "HTTP header not found X-AKSK field."),
    ],
)
def test_published_texts(code: str, text: str) -> None:
    assert BY_CODE[code].text == text


def test_a_detail_follows_the_dot_without_a_blank() -> None:
    assert invalid("lastMinVoice.wav does not exist").description == (
        "Invalid request.lastMinVoice.wav does not exist"
    )


def test_a_detail_takes_its_place_in_the_text() -> None:
    refusal = Refusal(ResultCode.TEMPLATE_VALUE, "2017/13/01")
    assert refusal.description == "2017/13/01 of templateParas does not meet template rule."


def test_a_description_is_never_too_long() -> None:
    assert len(invalid("a" * 500).description) == MAX_DESCRIPTION


def test_http_may_have_a_closer_status() -> None:
    assert Refusal(ResultCode.INVALID_API).http_status == 403
    assert Refusal(ResultCode.INVALID_API, "", 404).http_status == 404
