"""Which trunk a number goes out through."""

import pytest

from sip.errors import SipConfigError
from sip.routes import MOST_TRUNKS, Route, Routes
from sip.trunk import Trunk

DEFAULT, CHINA, SHANGHAI = Trunk(host="any.example"), Trunk(host="cn.example"), Trunk(host="sh.example")
ROUTES = Routes(DEFAULT, (Route("+86", CHINA), Route("+8621", SHANGHAI), Route("110", SHANGHAI)))


@pytest.mark.parametrize(
    ("number", "trunk"),
    [
        ("+8613900000001", CHINA),
        ("+862150000000", SHANGHAI),
        ("+86", CHINA),
        ("+8", DEFAULT),
        ("+442079460000", DEFAULT),
        ("8613900000001", DEFAULT),
        ("110", SHANGHAI),
        ("sip:110@phone.example", DEFAULT),
    ],
)
def test_longest_prefix_decides(number: str, trunk: Trunk) -> None:
    assert ROUTES.trunk_for(number) is trunk


def test_order_of_routes_does_not_matter() -> None:
    turned = Routes(DEFAULT, tuple(reversed(ROUTES.by_prefix)))
    assert turned.trunk_for("+862150000000") is SHANGHAI


def test_one_trunk_takes_everything() -> None:
    assert Routes(CHINA).trunk_for("+442079460000") is CHINA


@pytest.mark.parametrize("prefix", ["", "sip:", "8+6", "86 ", "abc"])
def test_prefix_that_begins_no_number_is_refused(prefix: str) -> None:
    with pytest.raises(SipConfigError, match="not the beginning of a number"):
        Route(prefix, CHINA)


def test_prefix_twice_is_refused() -> None:
    with pytest.raises(SipConfigError, match=r"prefix \+86 is there twice"):
        Routes(DEFAULT, (Route("+86", CHINA), Route("+86", SHANGHAI)))


def test_more_trunks_than_the_stack_has_accounts_are_refused() -> None:
    trunks = [Trunk(host=f"t{number}.example") for number in range(MOST_TRUNKS)]
    routes = tuple(Route(str(number), trunk) for number, trunk in enumerate(trunks))
    assert len(set(Routes(trunks[0], routes))) == MOST_TRUNKS
    with pytest.raises(SipConfigError, match="8 trunks are more than the 7"):
        Routes(DEFAULT, routes)
