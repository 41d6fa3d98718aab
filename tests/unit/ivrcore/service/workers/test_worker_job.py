"""A job on its way to a worker: nothing is lost, nothing secret is shown, and what is none is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivrcore.service.model import Service
from ivrcore.service.workers.errors import JobError
from ivrcore.service.workers.job import Job
from ivrcore.sounds import PromptFiles
from ivrcore.tasks import CallbackTask
from tests.unit.ivrcore.service.workers.jobs import (
    CODE,
    SECRET_TEXT,
    callback,
    notification,
    verification,
)

MAKERS = [callback, notification, verification]


@pytest.mark.parametrize("make", MAKERS)
def test_job_comes_back_from_its_json(make: Callable[[str], Job]) -> None:
    job = make("s1")
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


@pytest.mark.parametrize(
    ("make", "service", "legs"),
    [
        (callback, Service.CALLBACK, 2),
        (notification, Service.NOTIFICATION, 1),
        (verification, Service.VERIFICATION, 1),
    ],
)
def test_callback_alone_needs_two_legs(make: Callable[[str], Job], service: Service, legs: int) -> None:
    assert (make("s1").service, make("s1").legs) == (service, legs)


def test_neither_code_nor_text_is_in_a_repr() -> None:
    assert CODE not in repr(verification("s1"))
    assert SECRET_TEXT not in repr(notification("s1"))
    assert "9*" not in repr(notification("s1"))


@pytest.mark.parametrize(
    "session", ["", ".hidden", "../up", "a/b", "a b", "a\n", "x" * 201, "-rf", "名字", "a\0b"]
)
def test_session_that_is_no_file_name_is_refused(session: str) -> None:
    with pytest.raises(JobError, match="session's name"):
        callback(session)


def test_session_of_the_service_is_a_name() -> None:
    assert callback("1201_31_4294967295_20260301081530@callenabler1.example.com").legs == 2


@pytest.mark.parametrize("name", ["a.mp3", "../a.wav", ".wav", "a/b.wav", "x" * 130 + ".wav"])
def test_recording_that_is_no_plain_name_is_refused(name: str) -> None:
    with pytest.raises(JobError, match="recording's name"):
        replace(callback("s1"), recording_name=name)


def test_relative_path_is_refused() -> None:
    request = callback("s1").task.request
    with pytest.raises(JobError, match=r"pre\.wav is not absolute"):
        Job("s1", CallbackTask(request, PromptFiles(pre_voice=Path("pre.wav"))))  # type: ignore[arg-type]


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw.pop(name)


def _with(**more: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw.update(more)


@pytest.mark.parametrize(
    "spoil",
    [
        _without("session"),
        _without("request"),
        _without("files"),
        _with(service="conference"),
        _with(request={"code": CODE}),
        _with(request=[CODE]),
        _with(files={"pos_tone": 7}),
        _with(session=None),
        lambda raw: raw["request"].update(language=9),
        lambda raw: raw["request"].update(colour="red"),
        lambda raw: raw["request"].update(code=CODE + "x"),
    ],
)
def test_what_is_no_job_is_refused_without_quoting_it(spoil: Callable[[dict[str, Any]], object]) -> None:
    raw = verification("s1").to_json()
    spoil(raw)
    with pytest.raises(JobError) as refusal:
        Job.from_json(raw)
    shown = str(refusal.value)
    assert CODE not in shown
    assert refusal.value.__suppress_context__ or CODE not in str(refusal.value.__cause__)
