"""Voice files and templates over a real socket: upload, review, use, delete."""

import base64
import json
import math
import struct
from typing import Any

import numpy as np
import pytest

from ivrcore.service.admin.testing import AdminWorld, error_of
from ivrcore.service.content.files import voice_path
from ivrcore.service.model import Call, Review, Role, Service
from ivrcore.service.store import audit, calls, content

RULE = 2 * 1024 * 1024


def riff(tag: int, rate_hz: int, channels: int, bits: int, data: bytes) -> bytes:
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def right(seed: int = 0, n_samples: int = 4000) -> bytes:
    """A right file, another one for each seed."""
    return riff(6, 8000, 1, 8, np.random.default_rng(seed).bytes(n_samples))


WRONG = {
    "24 kHz": (riff(6, 24000, 1, 8, b"\xd5" * 2400), "sample rate"),
    "stereo": (riff(6, 8000, 2, 8, b"\xd5" * 1600), "channels"),
    "mu-law": (riff(7, 8000, 1, 8, b"\xff" * 800), "encoding"),
    "16 bit": (riff(1, 8000, 1, 16, bytes(1600)), "bits"),
    "2 MB and a byte": (riff(6, 8000, 1, 8, b"\xd5" * (RULE + 1 - 44)), "size"),
    "truncated": (right()[:-100], "header"),
    "header lies": (right()[:40] + struct.pack("<I", 17) + right()[44:], "header"),
    "not a WAV": (b"MThd" + bytes(100), "container"),
    "nothing": (b"", "container"),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["raw", "json"])
@pytest.mark.parametrize(("audio", "wrong"), WRONG.values(), ids=WRONG)
def test_a_defect_is_named_to_who_uploads(admin: AdminWorld, audio: bytes, wrong: str, as_json: bool) -> None:
    if as_json:
        if not audio:
            return
        body = {"audio": base64.b64encode(audio).decode()}
        reply = admin.ask("PUT", "/accounts/1/voices/bad.wav", body)
    else:
        reply = admin.upload("bad.wav", audio)
    assert error_of(reply)[:2] == (400, "invalid")
    error = json.loads(reply.body)["error"]
    assert wrong in {detail["property"] for detail in error["details"]}
    assert all(detail["message"] in error["message"] for detail in error["details"])
    assert error_of(admin.ask("GET", "/accounts/1/voices/bad.wav"))[0] == 404


@pytest.mark.parametrize("name", ["a%20b.wav", "%E7%AD%89.wav", "a" * 129, "a+b"])
def test_a_bad_name_is_named_too(admin: AdminWorld, name: str) -> None:
    assert error_of(admin.upload(name, right())) == (400, "invalid", "name")
    assert error_of(admin.upload(name, right(), "?convert=true")) == (400, "invalid", "name")


def test_a_file_is_uploaded_looked_at_reviewed_and_deleted(admin: AdminWorld) -> None:
    audio = right(1)
    uploaded = admin.upload("wait.wav", audio, role=Role.OPERATOR)
    assert uploaded.status == 200
    voice = uploaded.json
    assert (voice["state"], voice["reason"], voice["bytes"], voice["durationMs"]) == (
        "uploaded",
        "",
        4044,
        500,
    )
    assert isinstance(voice["levelDbm0"], float)
    path = "/accounts/1/voices/wait.wav"
    assert admin.ask("GET", path).json == voice
    sound = admin.ask("GET", f"{path}/audio", role=Role.READER)
    assert (sound.body, sound.headers["content-type"]) == (audio, "audio/wav")
    assert 'filename="wait.wav"' in sound.headers["content-disposition"]
    drawn = admin.ask("GET", f"{path}/waveform", role=Role.REVIEWER)
    assert drawn.headers["content-type"] == "image/png"
    assert drawn.body.startswith(b"\x89PNG")
    approved = admin.ask("POST", f"{path}/review", {"state": "approved"}, Role.REVIEWER)
    assert approved.json == {**voice, "state": "approved"}
    rejected = admin.ask("POST", f"{path}/review", {"state": "rejected", "reason": "有噪音"}, Role.REVIEWER)
    assert rejected.json == {**voice, "state": "rejected", "reason": "有噪音"}
    deleted = admin.ask("DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    assert not voice_path(admin.places.voices, str(voice["sha256"])).exists()
    lines = [(entry.what, entry.who) for entry in admin.run(audit.entries, "accounts/1/voices/wait.wav")]
    assert lines == [
        ("voice.delete", "owner-all"),
        ("voice.review", "reviewer-all"),
        ("voice.review", "reviewer-all"),
        ("voice.upload", "operator-all"),
    ]


def test_what_is_replaced_has_to_be_reviewed_again(admin: AdminWorld) -> None:
    path = "/accounts/1/voices/again.wav"
    first = admin.upload("again.wav", right(2)).json
    admin.ask("POST", f"{path}/review", {"state": "approved"})
    assert admin.upload("again.wav", right(3)).json["state"] == "uploaded"
    assert not voice_path(admin.places.voices, str(first["sha256"])).exists()
    assert admin.run(audit.entries)[0].what == "voice.replace"


@pytest.mark.parametrize("as_json", [False, True], ids=["raw", "json"])
def test_a_conversion_is_made_where_it_is_asked_for(admin: AdminWorld, as_json: bool) -> None:
    tone = np.rint(9000 * np.sin(2 * math.pi * 440 * np.arange(24_000) / 24_000)).astype("<i2")
    audio = riff(1, 24_000, 1, 16, tone.tobytes())
    if as_json:
        body = {"audio": base64.b64encode(audio).decode(), "convert": True}
        reply = admin.ask("PUT", "/accounts/1/voices/tone.wav", body)
    else:
        reply = admin.upload("tone.wav", audio, "?convert=true")
    assert reply.json["durationMs"] == 1000
    assert reply.json["levelDbm0"] == pytest.approx(-16.0, abs=0.3)
    assert admin.run(audit.entries)[0].detail["converted"] is True


def test_a_file_of_a_running_call_stays(admin: AdminWorld) -> None:
    admin.upload("busy.wav", right(4))
    request = {"preVoice": "busy.wav"}
    call = Call("s1", admin.apps[1].app_key, 1, Service.CALLBACK, admin.now, "1", "2", request=request)
    admin.run(calls.accept, call)
    assert error_of(admin.upload("busy.wav", right(5))) == (409, "refused", "")
    assert error_of(admin.ask("DELETE", "/accounts/1/voices/busy.wav")) == (409, "refused", "")
    admin.run(calls.end, "s1", admin.now)
    assert admin.upload("busy.wav", right(5)).status == 200


def test_uploads_have_a_limit_of_their_own(admin: AdminWorld) -> None:
    assert admin.upload("long.wav", riff(6, 8000, 1, 8, b"\xd5" * (RULE - 44))).status == 200
    too_long = admin.upload("long.wav", bytes(4 * 1024 * 1024 + 1))
    assert error_of(too_long) == (413, "too_large", "")
    # The limit is that path's alone.
    elsewhere = admin.ask("PUT", "/accounts/1/templates/t", b"x" * 100_000)
    assert error_of(elsewhere) == (413, "too_large", "")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [({}, "audio"), ({"audio": "###="}, "audio"), ({"audio": "AAAA", "convert": "true"}, "convert"),
     ({"audio": "AAAA", "x": 1}, "x")],
)  # fmt: skip
def test_an_upload_in_json_has_its_parameters(
    admin: AdminWorld, body: dict[str, object], parameter: str
) -> None:
    assert error_of(admin.ask("PUT", "/accounts/1/voices/a.wav", body)) == (400, "invalid", parameter)


@pytest.mark.parametrize(
    ("body", "parameter"),
    [({"state": "rejected"}, "reason"), ({"state": "rejected", "reason": " "}, "reason"),
     ({"state": "uploaded"}, "state"), ({}, "state")],
)  # fmt: skip
def test_a_review_has_a_verdict_and_a_rejection_its_reason(
    admin: AdminWorld, body: dict[str, object], parameter: str
) -> None:
    admin.upload("review.wav", right(6))
    admin.ask("PUT", "/accounts/1/templates/review", {"content": "您好"})
    for path in ("voices/review.wav", "templates/review"):
        assert error_of(admin.ask("POST", f"/accounts/1/{path}/review", body)) == (400, "invalid", parameter)
    assert admin.run(content.voice_file, 1, "review.wav").state is Review.UPLOADED


def test_a_template_is_added_reviewed_replaced_and_deleted(admin: AdminWorld) -> None:
    new = {"content": "您的验证码是${NUM_6}，请勿泄露。", "name": "code"}
    added = admin.ask("POST", "/accounts/1/templates", new, Role.OPERATOR)
    assert added.status == 201
    template = added.json
    assert {**template, "id": ""} == {**new, "id": "", "language": "zh", "state": "uploaded", "reason": ""}
    path = f"/accounts/1/templates/{template['id']}"
    approved = admin.ask("POST", f"{path}/review", {"state": "approved"}, Role.REVIEWER)
    assert approved.json == {**template, "state": "approved"}
    replaced = admin.ask("PUT", path, {"content": "新的${TXT_9}"})
    assert (replaced.json["state"], replaced.json["content"]) == ("uploaded", "新的${TXT_9}")
    listed = admin.ask("GET", "/accounts/1/templates").json["items"]
    assert isinstance(listed, list)
    assert replaced.json in listed
    assert admin.ask("DELETE", path).status == 204
    assert error_of(admin.ask("GET", path)) == (404, "not_found", "")
    whats = [entry.what for entry in admin.run(audit.entries, path[1:])]
    assert whats == ["template.delete", "template.replace", "template.review", "template.add"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("code ${NUM_6}", "Chinese character"),
        ("中" * 300 + "a", "901 bytes"),
        ("请于${DATE}${TIME}前", "comma"),
        ("您${NAME}", "not a variable"),
        ("您${TXT_33}", "32 bytes"),
        ("您$", "not a variable"),
    ],
)
def test_a_template_that_breaks_a_rule_is_refused(admin: AdminWorld, text: str, told: str) -> None:
    reply = admin.ask("POST", "/accounts/1/templates", {"content": text})
    assert error_of(reply) == (400, "invalid", "content")
    assert told in json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize("template_id", ["a b", "a" * 33, "%E4%B8%AD", "a@b"])
def test_a_template_has_an_id_that_requests_can_name(admin: AdminWorld, template_id: str) -> None:
    reply = admin.ask("PUT", f"/accounts/1/templates/{template_id}", {"content": "您好"})
    assert error_of(reply) == (400, "invalid", "id")


def test_a_template_is_its_accounts_alone(admin: AdminWorld) -> None:
    body = {"content": "您好"}
    assert admin.ask("PUT", "/accounts/1/templates/own", body).status == 200
    assert error_of(admin.ask("PUT", "/accounts/2/templates/own", body)) == (409, "refused", "")
    assert error_of(admin.ask("GET", "/accounts/2/templates/own")) == (404, "not_found", "")


def test_a_failing_disk_is_told_and_nothing_is_stored(
    admin: AdminWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        from media.errors import MediaFileError

        raise MediaFileError("/somewhere: No space left on device")

    monkeypatch.setattr("ivrcore.service.content.files.keep", full)
    reply = admin.upload("full.wav", right(7))
    assert error_of(reply) == (503, "busy", "")
    assert b"somewhere" not in reply.body
    assert error_of(admin.ask("GET", "/accounts/1/voices/full.wav"))[0] == 404
