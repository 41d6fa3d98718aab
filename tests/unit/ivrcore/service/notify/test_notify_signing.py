"""The worked examples of the wire format, and what a signature may not contain."""

from datetime import UTC, datetime, timedelta, timezone

from ivrcore.service.notify.signing import PushSigning, new_nonce, push_headers

KEY, SECRET = "vcDemoAppKey0123456789AbCd", "vcDemoSecret0123456789AbCd"
URL = "https://sp.example.com:9443/voicecall/fee"
NONCE = "9F0B6C1D2E3A4B5C8D7E6F5A4B3C2D1E"
CREATED = datetime(2026, 3, 1, 8, 16, 40, tzinfo=UTC)


def signed(style: PushSigning, created: datetime = CREATED) -> dict[str, str]:
    return push_headers(style, KEY, SECRET, URL, nonce=NONCE, created=created)


def test_current_digest_is_that_of_the_worked_example() -> None:
    assert signed(PushSigning.CURRENT)["X-AKSK"] == (
        'UsernameToken Username="vcDemoAppKey0123456789AbCd", '
        'PasswordDigest="jx8oNodk4UrjSdwkpmZN+16IWchKokLH+FCpr7pqNRY=", '
        'Nonce="9F0B6C1D2E3A4B5C8D7E6F5A4B3C2D1E", Created="2026-03-01T08:16:40Z"'
    )


def test_legacy_digest_is_that_of_the_worked_example() -> None:
    digest = 'PasswordDigest="jUB7eHL3Lm2RjW6QvfVMqQzx5Y64JDjj8FUSy1EXm6I="'
    assert digest in signed(PushSigning.LEGACY)["X-AKSK"]


def test_signed_push_has_the_fixed_authorization() -> None:
    assert signed(PushSigning.CURRENT)["Authorization"] == (
        'AKSK realm="SDP",profile="UsernameToken",type="Appkey"'
    )


def test_unsigned_push_has_the_content_type_only() -> None:
    assert signed(PushSigning.NONE) == {"Content-Type": "application/json;charset=UTF-8"}


def test_created_is_utc_whatever_the_clock_shows() -> None:
    beijing = CREATED.astimezone(timezone(timedelta(hours=8)))
    assert signed(PushSigning.CURRENT, beijing) == signed(PushSigning.CURRENT)


def test_headers_do_not_contain_the_secret() -> None:
    assert all(SECRET not in value for style in PushSigning for value in signed(style).values())


def test_nonces_are_of_the_permitted_characters_and_differ() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert all(nonce.isalnum() and nonce.isascii() and 1 <= len(nonce) <= 128 for nonce in nonces)
