"""The shelf: states, one file on disk for each content, and nothing moved that a running call uses."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ivrcore.service.content import shelf
from ivrcore.service.content.files import keep, voice_path
from ivrcore.service.content.template import TemplateError
from ivrcore.service.content.usage import VOICE_PARAMETERS, InUse, named
from ivrcore.service.content.voices import Prepared
from ivrcore.service.content.waveform import picture_path
from ivrcore.service.model import Account, Call, ClientApp, Review, Service, Template, VoiceFile
from ivrcore.service.store import accounts, calls, content
from ivrcore.service.store.errors import NotFound, RefusedChange
from ivrcore.service.store.testing import ImmediateDatabase

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def prepared(name: str = "a.wav", audio: bytes = b"audio") -> Prepared:
    return Prepared(name, audio, hashlib.sha256(audio).hexdigest(), 1500, -16.0, -4.0)


class Shelf:
    """Two accounts with an application each, and a shelf on disk."""

    def __init__(self, directory: Path) -> None:
        self.database = ImmediateDatabase(directory)
        self.voices, self.pictures = directory / "voices", directory / "pictures"
        for account_id in (1, 2):
            account = self.run(accounts.add_account, Account(account_id, f"a{account_id}", f"sp{account_id}"))
            self.run(accounts.add_app, ClientApp(f"k{account_id}", "s", account, "x", Service.CALLBACK), NOW)

    def run(self, function: Any, *args: Any) -> Any:
        return self.database.run_now(function, *args)

    def put(self, account_id: int = 1, name: str = "a.wav", audio: bytes = b"audio") -> str:
        released: str = self.run(shelf.put_voice, self.voices, account_id, prepared(name, audio), NOW)
        return released

    def voice(self, name: str = "a.wav", account_id: int = 1) -> VoiceFile:
        voice = self.run(content.voice_file, account_id, name)
        assert isinstance(voice, VoiceFile)
        return voice

    def drop(self, sha256: str) -> bool:
        dropped: bool = self.run(shelf.drop_unused, self.voices, self.pictures, sha256)
        return dropped

    def on_disk(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self.voices.rglob("*.wav"))

    def begin(self, account_id: int = 1, session: str = "s", **request: object) -> None:
        call = Call(session, f"k{account_id}", account_id, Service.CALLBACK, NOW, "1", "2", request=request)
        self.run(calls.accept, call)

    def end(self, session: str = "s") -> None:
        self.run(calls.end, session, NOW)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.database.close()


def template(template_id: str = "t1", account_id: int = 1, text: str = "您的验证码是${NUM_6}。") -> Template:
    return Template(template_id, account_id, "code", text)


def test_a_new_file_is_uploaded_with_its_measures(one: Shelf) -> None:
    assert one.put() == ""
    voice = one.voice()
    assert (voice.state, voice.reason, voice.n_bytes, voice.duration_ms) == (Review.UPLOADED, "", 5, 1500)
    assert (voice.level_dbm0, voice.peak_dbm0) == (-16.0, -4.0)
    assert voice_path(one.voices, voice.sha256).read_bytes() == b"audio"


def test_reviews_approve_and_reject_with_a_reason(one: Shelf) -> None:
    one.put()
    one.run(shelf.review_voice, 1, "a.wav", Review.APPROVED)
    assert one.voice().state is Review.APPROVED
    one.run(shelf.review_voice, 1, "a.wav", Review.REJECTED, "noise")
    assert (one.voice().state, one.voice().reason) == (Review.REJECTED, "noise")


def test_a_review_ends_in_a_verdict_and_a_rejection_has_a_reason(one: Shelf) -> None:
    one.put()
    one.run(shelf.put_template, template(), NOW)
    for review, name in ((shelf.review_voice, "a.wav"), (shelf.review_template, "t1")):
        with pytest.raises(RefusedChange, match="reason"):
            one.run(review, 1, name, Review.REJECTED, "  ")
        with pytest.raises(RefusedChange, match="approved or rejected"):
            one.run(review, 1, name, Review.UPLOADED)
        with pytest.raises(NotFound):
            one.run(review, 2, name, Review.APPROVED)


def test_a_replaced_file_has_to_be_reviewed_again(one: Shelf) -> None:
    one.put()
    one.run(shelf.review_voice, 1, "a.wav", Review.APPROVED)
    before = one.voice().sha256
    assert one.put(audio=b"other") == before
    assert one.voice().state is Review.UPLOADED
    one.run(shelf.review_voice, 1, "a.wav", Review.REJECTED, "noise")
    assert one.put(audio=b"other") == ""  # the same content: nothing is released
    assert (one.voice().state, one.voice().reason) == (Review.UPLOADED, "")


def test_a_content_is_on_disk_once_and_goes_with_its_last_name(one: Shelf) -> None:
    one.put(1, "a.wav")
    one.put(1, "b.wav")
    one.put(2, "c.wav")
    assert one.on_disk() == [b"audio"]
    for account_id, name, left in ((1, "a.wav", True), (2, "c.wav", True), (1, "b.wav", False)):
        sha256 = one.run(shelf.delete_voice, account_id, name)
        assert one.drop(sha256) is not left
        assert bool(one.on_disk()) is left


def test_the_picture_goes_with_its_content(one: Shelf) -> None:
    one.put()
    sha256 = one.voice().sha256
    path = picture_path(one.pictures, sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"png")
    assert not one.drop(sha256)
    assert path.exists()
    one.run(shelf.delete_voice, 1, "a.wav")
    assert one.drop(sha256)
    assert not path.exists()


def test_a_content_that_was_dropped_meanwhile_is_written_again(one: Shelf) -> None:
    keep(one.voices, b"audio")  # as whoever uploads sees it, before somebody else's drop
    assert one.drop(prepared().sha256)
    one.put()
    assert one.on_disk() == [b"audio"]


@pytest.mark.parametrize("parameter", VOICE_PARAMETERS)
def test_a_file_of_a_running_call_is_neither_replaced_nor_deleted(one: Shelf, parameter: str) -> None:
    one.put()
    request: dict[str, object] = {parameter: "a.wav"}
    one.begin(**({"playInfoList": [request]} if parameter == "notifyVoice" else request))
    with pytest.raises(RefusedChange, match="in use by a running call"):
        one.put(audio=b"other")
    with pytest.raises(RefusedChange, match="in use by a running call"):
        one.run(shelf.delete_voice, 1, "a.wav")
    assert one.on_disk() == [b"audio"]
    one.end()
    one.put(audio=b"other")
    one.run(shelf.delete_voice, 1, "a.wav")


def test_another_accounts_call_keeps_nothing(one: Shelf) -> None:
    one.put(1)
    one.begin(2, preVoice="a.wav")
    one.run(shelf.delete_voice, 1, "a.wav")


def test_what_is_not_there_cannot_be_deleted(one: Shelf) -> None:
    one.put()
    one.begin(preVoice="b.wav")
    for account_id, name in ((1, "b.wav"), (2, "a.wav")):
        with pytest.raises(NotFound):
            one.run(shelf.delete_voice, account_id, name)


def test_a_new_name_may_be_uploaded_while_a_call_was_ordered_with_it(one: Shelf) -> None:
    one.begin(preVoice="a.wav")  # it was refused then, or took the default
    one.put()


def test_a_template_keeps_the_rules_and_is_uploaded(one: Shelf) -> None:
    one.run(shelf.put_template, template(), NOW)
    one.run(shelf.review_template, 1, "t1", Review.APPROVED)
    one.run(shelf.put_template, template(text="新的${TXT_9}"), NOW)
    stored = one.run(content.template, 1, "t1")
    assert (stored.state, stored.content) == (Review.UPLOADED, "新的${TXT_9}")
    with pytest.raises(TemplateError, match="Chinese character"):
        one.run(shelf.put_template, template(text="code ${NUM_6}"), NOW)


def test_a_template_of_a_running_call_is_neither_replaced_nor_deleted(one: Shelf) -> None:
    one.run(shelf.put_template, template(), NOW)
    one.begin(playInfoList=[{"notifyVoice": "a.wav"}, {"templateId": "t1"}])
    with pytest.raises(RefusedChange, match="in use by a running call"):
        one.run(shelf.put_template, template(), NOW)
    with pytest.raises(RefusedChange, match="in use by a running call"):
        one.run(shelf.delete_template, 1, "t1")
    one.end()
    one.run(shelf.delete_template, 1, "t1")
    with pytest.raises(NotFound):
        one.run(shelf.delete_template, 1, "t1")


def test_a_template_is_its_accounts_alone(one: Shelf) -> None:
    one.run(shelf.put_template, template(), NOW)
    with pytest.raises(RefusedChange, match="id is in use"):
        one.run(shelf.put_template, template(account_id=2), NOW)
    with pytest.raises(NotFound):
        one.run(shelf.delete_template, 2, "t1")


def test_names_are_read_from_whatever_a_request_holds() -> None:
    assert named({}) == InUse()
    assert named({"playInfoList": "no list", "preVoice": ""}) == InUse()
    assert named({"playInfoList": ["no element", {"notifyVoice": "n.wav", "templateId": ""}]}) == InUse(
        frozenset({"n.wav"})
    )
