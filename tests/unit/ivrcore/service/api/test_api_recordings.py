"""Recordings: the signed address, and the download behind it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.recordings import RecordAddress
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import KEY, NOW, Reply, ServedApi, World, demo_app, signed
from ivrcore.service.model import Recording

NAME = "26030108155210310000001.wav"
DOMAIN = "record.example.com"
AUDIO = bytes(range(256)) * 1000


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[ServedApi]:
    """An API with one recording."""
    path = tmp_path / "kept as something else"
    path.write_bytes(AUDIO)
    world = World()
    world.recordings[NAME] = Recording(NAME, "s", KEY, str(path), len(AUDIO), 32.0, NOW)
    with ServedApi(world, ApiSettings(record_domain=DOMAIN, record_key="a key that is long enough")) as api:
        yield api


def ask(api: ServedApi, query: str = f"?fileName={NAME}&recordDomain={DOMAIN}", method: str = "GET") -> Reply:
    return api.request(method, "/rest/provision/voice/record/v1.0" + query, headers=signed(at=api.world.now))


def target(api: ServedApi) -> str:
    """Path and query of the recording's address."""
    parts = urlsplit(ask(api).headers["location"])
    return f"{parts.path}?{parts.query}"


def fetch(api: ServedApi, method: str = "GET", **headers: str) -> Reply:
    return api.request(method, target(api), headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_recording_is_elsewhere_and_its_address_is_signed(recorded: ServedApi) -> None:
    reply = ask(recorded)
    assert (reply.status, reply.body) == (301, b"")
    assert reply.headers["cache-control"] == "no-store"
    location = urlsplit(reply.headers["location"])
    assert f"{location.scheme}://{location.netloc}" == recorded.base
    query = parse_qs(location.query)
    assert int(query["Expires"][0]) == NOW.timestamp() + 1800
    assert len(query["Signature"][0]) == 64


def test_the_address_needs_no_key_and_gives_the_whole_file(recorded: ServedApi) -> None:
    reply = fetch(recorded)
    assert (reply.status, reply.body) == (200, AUDIO)
    assert reply.headers["content-type"] == "audio/wav"
    assert reply.headers["accept-ranges"] == "bytes"
    assert NAME in reply.headers["content-disposition"]


def test_head_tells_the_length_only(recorded: ServedApi) -> None:
    reply = fetch(recorded, "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [("bytes=0-9", 0, 10), ("bytes=255990-", 255_990, 256_000), ("bytes=-3", 255_997, 256_000)],
)
def test_a_range_is_served(recorded: ServedApi, wanted: str, first: int, end: int) -> None:
    reply = fetch(recorded, Range=wanted)
    assert (reply.status, reply.body) == (206, AUDIO[first:end])
    assert reply.headers["content-range"] == f"bytes {first}-{end - 1}/{len(AUDIO)}"


def test_a_broken_download_is_resumed(recorded: ServedApi) -> None:
    etag = fetch(recorded, "HEAD").headers["etag"]
    reply = fetch(recorded, Range="bytes=200000-", If_Range=etag)
    assert (reply.status, reply.body) == (206, AUDIO[200_000:])


def test_a_range_of_another_version_gives_the_whole_file(recorded: ServedApi) -> None:
    reply = fetch(recorded, Range="bytes=200000-", If_Range='"another"')
    assert (reply.status, reply.body) == (200, AUDIO)


def test_a_range_beyond_the_end_cannot_be_served(recorded: ServedApi) -> None:
    reply = fetch(recorded, Range="bytes=256000-")
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == "bytes */256000"


@pytest.mark.parametrize("wanted", ["bytes=9-0", "lines=1-2", "bytes=" + ",".join(["0-255999"] * 500)])
def test_a_senseless_range_gives_the_whole_file_once(recorded: ServedApi, wanted: str) -> None:
    reply = fetch(recorded, Range=wanted)
    assert (reply.status, len(reply.body)) == (200, len(AUDIO))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "fileName"),
        (f"?recordDomain={DOMAIN}", "fileName"),
        (f"?fileName={NAME}", "recordDomain"),
        (f"?fileName={NAME}&recordDomain=evil.example", "recordDomain"),
        (f"?fileName=other.wav&recordDomain={DOMAIN}", "fileName does not exist"),
        (f"?fileName=../../etc/passwd&recordDomain={DOMAIN}", "fileName does not exist"),
        (f"?fileName=%00%ff&recordDomain={DOMAIN}", "fileName does not exist"),
    ],
)
def test_what_is_wrong_with_the_query_is_named(recorded: ServedApi, query: str, told: str) -> None:
    assert ask(recorded, query).result == (403, "1010002", f"Invalid request.{told}")


def test_a_recording_of_another_application_does_not_exist(recorded: ServedApi) -> None:
    recorded.world.apps["another"] = demo_app(app_key="another")
    query = f"?fileName={NAME}&recordDomain={DOMAIN}"
    reply = recorded.request("GET", "/rest/provision/voice/record/v1.0" + query, headers=signed("another"))
    assert reply.result == (403, "1010002", "Invalid request.fileName does not exist")


def test_the_question_has_to_be_signed(recorded: ServedApi) -> None:
    reply = recorded.request(
        "GET", f"/rest/provision/voice/record/v1.0?fileName={NAME}&recordDomain={DOMAIN}"
    )
    assert reply.status == 400


def test_an_address_ends(recorded: ServedApi) -> None:
    path = target(recorded)
    recorded.world.now = NOW + timedelta(seconds=1799)
    assert recorded.request("GET", path).status == 200
    recorded.world.now = NOW + timedelta(seconds=1800)
    assert recorded.request("GET", path).result == (403, "1010002", "Invalid request.Expires")


def test_a_changed_address_is_refused(recorded: ServedApi) -> None:
    path = target(recorded)
    for changed in (
        path.replace(NAME, "other.wav"),
        path.replace("Expires=1", "Expires=2"),
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.split("&")[0],
        path.split("?")[0],
        path.replace("Expires=", "Expires=é"),
    ):
        assert recorded.request("GET", changed).result == (403, "1010002", "Invalid request.Signature")


def test_a_recording_that_was_swept_is_gone(recorded: ServedApi) -> None:
    path = target(recorded)
    file = Path(recorded.world.recordings[NAME].path)
    file.unlink()
    assert recorded.request("GET", path).result == (404, "1010002", "Invalid request.fileName does not exist")
    del recorded.world.recordings[NAME]
    assert recorded.request("GET", path).status == 404


def test_the_address_is_below_the_configured_host() -> None:
    world = World()
    world.recordings[NAME] = Recording(NAME, "s", KEY, "/nowhere", 1, 1.0, NOW)
    with ServedApi(world, ApiSettings(record_base_url="https://record.example.com/")) as api:
        location = ask(api).headers["location"]
    assert location.startswith(f"https://record.example.com/recordings/{NAME}?Expires=")


def test_keys_do_not_open_each_others_addresses() -> None:
    made = RecordAddress(b"one key", 60).make("https://a", NAME, NOW)
    query = parse_qs(urlsplit(made).query)
    expires, signature = query["Expires"][0], query["Signature"][0]
    RecordAddress(b"one key", 60).check(NAME, expires, signature, NOW)
    with pytest.raises(Refusal):
        RecordAddress(b"another key", 60).check(NAME, expires, signature, NOW)
