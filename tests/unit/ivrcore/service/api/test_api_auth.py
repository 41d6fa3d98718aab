"""X-AKSK: the documented example, each thing that can be wrong with it, and the order of the checks."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ivrcore.service.api.auth import (
    Asker,
    Authenticator,
    aksk_digest,
    attributes,
    is_timely,
    read_credentials,
    wsse_digests,
)
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.guard import FailureGuard
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import ApiSettings, CreatedZone
from ivrcore.service.api.testing import AUTHORIZATION, KEY, NOW, SECRET, World, demo_app, signed
from ivrcore.service.model import Standing

NONCE = "66C92B11FF8A425FB8D4CCFE0ED9ED1F"
CREATED = "2026-03-01T08:15:30Z"
TOKEN = (
    'UsernameToken Username="vcDemoAppKey0123456789AbCd", '
    'PasswordDigest="CSNtF2Q5Q3v7faZ9WDYuZbpTSv/4i6xwbqedu4wPgNc=", '
    'Nonce="66C92B11FF8A425FB8D4CCFE0ED9ED1F", Created="2026-03-01T08:15:30Z"'
)


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Door:
    """An authenticator with its world and clock."""

    def __init__(self, settings: ApiSettings | None = None) -> None:
        self.world = World()
        self.clock = Clock()
        settings = settings or ApiSettings()
        guard = FailureGuard(
            settings.block_failures, settings.block_window_s, settings.block_for_s, self.clock.seconds
        )
        self.authenticator = Authenticator(self.world.ports(), settings, guard)

    def ask(self, headers: dict[str, str], ip: str = "192.0.2.7", **query: str) -> ResultCode:
        outcome: list[ResultCode] = []
        asker = Asker(ip, lower(headers), query)
        done = Deferred.fromCoroutine(self.authenticator.authenticate(asker))

        def failed(failure: object) -> None:
            error = getattr(failure, "value", None)
            assert isinstance(error, Refusal), error
            outcome.append(error.result)

        done.addCallbacks(lambda _: outcome.append(ResultCode.SUCCESS), failed)
        return outcome[0]


def test_digest_of_the_worked_example() -> None:
    assert aksk_digest(SECRET, NONCE, CREATED) == "CSNtF2Q5Q3v7faZ9WDYuZbpTSv/4i6xwbqedu4wPgNc="


def test_wsse_digests_of_the_worked_example() -> None:
    assert wsse_digests(SECRET, NONCE, CREATED) == (
        "AUMLpPpoRGUP2g7+crzSGACqNw0uBtPyepZXV+tQ1vU=",
        "MDE0MzBiYTRmYTY4NDQ2NTBmZGEwZWZlNzJiY2QyMTgwMGFhMzcwZDJlMDZkM2YyN2E5NjU3NTdlYjUwZDZmNQ==",
    )


def test_the_worked_example_is_let_in() -> None:
    assert Door().ask({"Authorization": AUTHORIZATION, "X-AKSK": TOKEN}) is ResultCode.SUCCESS


@pytest.mark.parametrize("separator", [", ", ",", " , ", " ", ",\t"])
def test_any_separator_is_let_in(separator: str) -> None:
    assert Door().ask(signed(separator=separator)) is ResultCode.SUCCESS


def test_order_and_case_of_attributes_do_not_matter() -> None:
    digest = aksk_digest(SECRET, NONCE, CREATED)
    token = f'usernametoken CREATED="{CREATED}",nonce="{NONCE}",passwordDigest="{digest}",UserName="{KEY}"'
    authorization = 'aksk type="Appkey", Profile="UsernameToken",REALM="SDP"'
    assert Door().ask({"authorization": authorization, "x-aksk": token}) is ResultCode.SUCCESS


def test_attributes_of_a_header() -> None:
    assert attributes('UsernameToken Username="a",Nonce=b, Created = "c d"') == {
        "username": "a",
        "nonce": "b",
        "created": "c d",
    }


def test_a_long_header_without_attributes_is_read_in_linear_time() -> None:
    # With backtracking at every letter this would take minutes.
    assert attributes("a" * 200_000) == {}


@pytest.mark.parametrize(
    ("authorization", "result"),
    [
        ("", ResultCode.NO_AUTHORIZATION),
        ('Bearer realm="SDP"', ResultCode.NO_AUTHORIZATION),
        ('WSSE realm="SDP",profile="UsernameToken",type="Appkey"', ResultCode.NO_AUTHORIZATION),
        ('AKSK profile="UsernameToken",type="Appkey"', ResultCode.NO_REALM),
        ('AKSK realm="",profile="UsernameToken",type="Appkey"', ResultCode.NO_REALM),
        ('AKSK realm="SDP",type="Appkey"', ResultCode.NO_PROFILE),
        ('AKSK realm="sip",profile="UsernameToken",type="Appkey"', ResultCode.WRONG_REALM),
        ('AKSK realm="SDP",profile="Token",type="Appkey"', ResultCode.WRONG_PROFILE),
        ('AKSK realm="SDP",profile="UsernameToken",type="user"', ResultCode.WRONG_TYPE),
        ('AKSK realm="SDP",profile="UsernameToken"', ResultCode.NO_TYPE),
        (AUTHORIZATION + " " * 3000 + "x", ResultCode.NO_AUTHORIZATION),
    ],
)
def test_each_fault_of_authorization_has_its_code(authorization: str, result: ResultCode) -> None:
    assert Door().ask({"Authorization": authorization, "X-AKSK": TOKEN}) is result


@pytest.mark.parametrize(
    ("attribute", "result"),
    [
        ("Username", ResultCode.NO_USERNAME),
        ("Nonce", ResultCode.NO_NONCE),
        ("Created", ResultCode.NO_CREATED),
        ("PasswordDigest", ResultCode.NO_DIGEST),
    ],
)
def test_each_missing_attribute_of_x_aksk_has_its_code(attribute: str, result: ResultCode) -> None:
    without = re.sub(rf'{attribute}="[^"]*",? ?', "", TOKEN)
    empty = re.sub(rf'{attribute}="[^"]*"', f'{attribute}=""', TOKEN)
    assert without != TOKEN
    for token in (without, empty):
        assert Door().ask({"Authorization": AUTHORIZATION, "X-AKSK": token}) is result


@pytest.mark.parametrize(
    ("token", "result"),
    [
        ("", ResultCode.NO_X_AKSK),
        (TOKEN.replace("UsernameToken ", ""), ResultCode.NO_USERNAME_TOKEN),
        ("gibberish", ResultCode.NO_USERNAME_TOKEN),
        (TOKEN.replace(CREATED, "yesterday"), ResultCode.NO_CREATED),
        (TOKEN.replace(CREATED, "2026-02-30T08:15:30Z"), ResultCode.NO_CREATED),
        (TOKEN.replace(CREATED, "0001-01-01T00:00:00Z"), ResultCode.NO_CREATED),
        (TOKEN.replace(NONCE, "n" * 129), ResultCode.NO_NONCE),
        (TOKEN.replace(NONCE, "né"), ResultCode.NO_NONCE),
        (TOKEN.replace("CSNt", "csnt"), ResultCode.NO_AUTHORIZATION),
        (TOKEN.replace("vcDemo", "vcOther"), ResultCode.UNKNOWN_APP_KEY),
        (TOKEN.replace(KEY, "k" * 65), ResultCode.UNKNOWN_APP_KEY),
    ],
)
def test_each_fault_of_x_aksk_has_its_code(token: str, result: ResultCode) -> None:
    assert Door().ask({"Authorization": AUTHORIZATION, "X-AKSK": token}) is result


def test_a_digest_that_is_no_ascii_is_wrong_and_not_an_error() -> None:
    token = TOKEN.replace("CSNt", "ÄÖÜß")
    assert Door().ask({"Authorization": AUTHORIZATION, "X-AKSK": token}) is ResultCode.NO_AUTHORIZATION


@pytest.mark.parametrize(
    ("zone", "offset_s", "timely"),
    [
        (CreatedZone.EITHER, 0, True),
        (CreatedZone.EITHER, 300, True),
        (CreatedZone.EITHER, 301, False),
        (CreatedZone.EITHER, -300, True),
        (CreatedZone.EITHER, -301, False),
        (CreatedZone.EITHER, 8 * 3600 + 300, True),  # Beijing time, five minutes fast
        (CreatedZone.EITHER, 8 * 3600 - 301, False),
        (CreatedZone.EITHER, -8 * 3600, False),
        (CreatedZone.UTC, 0, True),
        (CreatedZone.UTC, 8 * 3600, False),
        (CreatedZone.UTC_PLUS_8, 8 * 3600, True),
        (CreatedZone.UTC_PLUS_8, 0, False),
    ],
)
def test_window_around_now(zone: CreatedZone, offset_s: int, timely: bool) -> None:
    created = (NOW + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert is_timely(created, NOW, ApiSettings(created_zone=zone)) is timely


def test_a_written_offset_leaves_no_doubt() -> None:
    settings = ApiSettings(created_zone=CreatedZone.UTC)
    assert is_timely("2026-03-01T16:15:30.250+08:00", NOW, settings)
    assert not is_timely("2026-03-01T08:15:30+08:00", NOW, settings)


def test_a_late_request_has_its_code() -> None:
    assert Door().ask(signed(at=NOW - timedelta(minutes=6))) is ResultCode.CLOCK_SKEW


def test_a_nonce_is_good_once() -> None:
    door = Door()
    headers = signed()
    assert door.ask(headers) is ResultCode.SUCCESS
    assert door.ask(headers) is ResultCode.NO_AUTHORIZATION
    assert door.ask(signed()) is ResultCode.SUCCESS


def test_a_nonce_is_good_again_where_the_check_is_off() -> None:
    door = Door(ApiSettings(check_nonce=False))
    headers = signed()
    assert [door.ask(headers), door.ask(headers)] == [ResultCode.SUCCESS] * 2
    assert not door.world.nonces


def test_only_proven_requests_spend_a_nonce() -> None:
    door = Door()
    door.ask(signed(secret="wrong"))
    door.ask(signed(at=NOW + timedelta(hours=1)))
    assert not door.world.nonces


def test_nonces_outlive_every_moment_at_which_their_header_is_good() -> None:
    # Read as Beijing time a header is good eight hours before it is good as UTC.
    settings = ApiSettings()
    created = "2026-03-01T08:15:30Z"
    first = datetime(2026, 3, 1, 0, 10, 30, tzinfo=UTC)
    last = datetime(2026, 3, 1, 8, 20, 30, tzinfo=UTC)
    assert is_timely(created, first, settings)
    assert is_timely(created, last, settings)
    assert settings.nonce_life_s >= (last - first).total_seconds()
    assert ApiSettings(created_zone=CreatedZone.UTC).nonce_life_s == 600


def test_standing_is_checked_after_the_proof() -> None:
    door = Door()
    app = demo_app()
    suspended = replace(app, standing=Standing.SUSPENDED)
    frozen = replace(app, account=replace(app.account, standing=Standing.SUSPENDED))
    elsewhere = replace(suspended, allowed_ips=("198.51.100.0/24",))
    for changed, result in (
        (suspended, ResultCode.APP_NOT_ACTIVE),
        (frozen, ResultCode.ACCOUNT_NOT_ACTIVE),
        (elsewhere, ResultCode.IP_NOT_ALLOWED),
        (replace(app, allowed_ips=("192.0.2.7",)), ResultCode.SUCCESS),
    ):
        door.world.apps[KEY] = changed
        assert door.ask(signed()) is result
        assert door.ask(signed(secret="wrong")) is ResultCode.NO_AUTHORIZATION


def test_twenty_failures_block_the_address_for_half_an_hour() -> None:
    door = Door()
    for _ in range(20):
        assert door.ask(signed(secret="wrong")) is ResultCode.NO_AUTHORIZATION
    assert door.ask(signed()) is ResultCode.IP_BLOCKED
    assert door.ask(signed(), ip="192.0.2.8") is ResultCode.SUCCESS
    door.clock.advance(1799)
    assert door.ask(signed()) is ResultCode.IP_BLOCKED
    door.clock.advance(1)
    assert door.ask(signed()) is ResultCode.SUCCESS


def test_a_suspended_application_does_not_block_its_address() -> None:
    door = Door()
    door.world.apps[KEY] = replace(demo_app(), standing=Standing.SUSPENDED)
    results = {door.ask(signed()) for _ in range(30)}
    assert results == {ResultCode.APP_NOT_ACTIVE}


def test_wsse_is_let_in_only_by_its_setting() -> None:
    for digest in wsse_digests(SECRET, NONCE, CREATED):
        token = (
            f'UsernameToken Username="{KEY}",PasswordDigest="{digest}",Nonce="{NONCE}",Created="{CREATED}"'
        )
        headers = {"Authorization": AUTHORIZATION.replace("AKSK", "WSSE"), "X-WSSE": token}
        assert Door(ApiSettings(old_logins=True)).ask(headers) is ResultCode.SUCCESS
        assert Door().ask(headers) is ResultCode.NO_AUTHORIZATION


def test_an_aksk_digest_does_not_pass_as_wsse() -> None:
    headers = {"Authorization": AUTHORIZATION.replace("AKSK", "WSSE"), "X-WSSE": TOKEN}
    assert Door(ApiSettings(old_logins=True)).ask(headers) is ResultCode.NO_AUTHORIZATION


def test_credentials_show_no_proof_in_their_repr() -> None:
    shown = repr(read_credentials(lower({"Authorization": AUTHORIZATION, "X-AKSK": TOKEN}), wsse=False))
    assert KEY in shown
    assert "CSNt" not in shown
    assert NONCE not in shown
