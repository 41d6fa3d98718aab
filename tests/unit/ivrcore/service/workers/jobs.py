"""Jobs for the tests of this directory."""

from pathlib import Path

from ivrcore.contents import Text
from ivrcore.request import (
    CallbackRequest,
    CalleeMedia,
    Language,
    NotificationElement,
    NotificationRequest,
    VerificationRequest,
    WarnedParty,
)
from ivrcore.service.workers.job import Job
from ivrcore.sounds import PromptFiles, ToneFiles
from ivrcore.tasks import CallbackTask, NotificationTask, VerificationTask

CODE = "48021973"
SECRET_TEXT = "您的密码是八八六六"


def callback(session: str) -> Job:
    """Of two legs."""
    request = CallbackRequest(
        "+8613900000001",
        "+8613900000002",
        "+8675528000001",
        "+8675528000002",
        play_pre_voice=True,
        callee_media=CalleeMedia.FAIL,
        record=True,
        max_duration_min=90,
        last_minute_to=WarnedParty.B,
    )
    return Job(session, CallbackTask(request, PromptFiles(pre_voice=Path("/v/pre.wav"))), "26030108155.wav")


def notification(session: str) -> Job:
    """Of one leg."""
    elements = (NotificationElement(collect=4, replay=True, trigger="9*"), NotificationElement())
    request = NotificationRequest("+8613900000003", "+8675528000001", elements, max_replays=3)
    return Job(session, NotificationTask(request, (Text(SECRET_TEXT), Path("/v/thanks.wav"))))


def verification(session: str) -> Job:
    """Of one leg."""
    request = VerificationRequest(
        "+8613900000004",
        "+8675528000001",
        CODE,
        language=Language.ENGLISH,
        has_pos_tone=True,
        times=0,
        ring_timeout_s=30,
    )
    return Job(session, VerificationTask(request, ToneFiles(pos_tone=Path("/v/bye.wav"))))
