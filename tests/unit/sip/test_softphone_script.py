"""The softphone's script as a line of JSON, there and back."""

import json

import pytest

from sip.errors import SipError
from sip.softphone import Press, Script

PRESSING = Script(digits="12", digits_by="info", presses=(Press(1.0, "5", "in-band"), Press(2.5, "9#")))


def test_script_with_presses_comes_back_as_it_went() -> None:
    assert Script.from_json(PRESSING.to_json()) == PRESSING


def test_empty_script_is_the_default_one() -> None:
    assert Script.from_json("{}") == Script()


@pytest.mark.parametrize("name", ["digits_at", "hear_s"])
def test_script_with_an_unknown_name_is_refused_by_that_name(name: str) -> None:
    with pytest.raises(SipError, match=name):
        Script.from_json(json.dumps({name: 1}))


@pytest.mark.parametrize(
    "script",
    [
        {"digits_by": "telepathy"},
        {"presses": [{"after_s": 1.0, "digits": "1"}, {"after_s": 2.0, "digits": "2", "by": "telepathy"}]},
    ],
)
def test_unknown_transport_is_refused_wherever_it_stands(script: dict[str, object]) -> None:
    with pytest.raises(SipError, match="rfc4733, info, in-band, not by 'telepathy'"):
        Script.from_json(json.dumps(script))
