"""One call as it is handed to a worker: everything is decided, nothing has to be asked.

As JSON it goes over the worker's socket and nowhere else: it may hold a verification code or a spoken text.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ivrcore.contents import ContentSource, Text
from ivrcore.request import (
    CallbackRequest,
    CalleeMedia,
    Language,
    NotificationElement,
    NotificationRequest,
    RequestError,
    VerificationRequest,
    WarnedParty,
)
from ivrcore.service.model import Service
from ivrcore.service.workers.errors import JobError
from ivrcore.sounds import PromptFiles, ToneFiles
from ivrcore.tasks import CallbackTask, NotificationTask, Task, VerificationTask

# Both become file names: nothing hidden, nothing that leaves its directory.
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._\-]{0,199}")
_RECORDING = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._\-]{0,120}\.wav")

_SERVICES: Mapping[type[object], Service] = {
    CallbackTask: Service.CALLBACK,
    NotificationTask: Service.NOTIFICATION,
    VerificationTask: Service.VERIFICATION,
}


@dataclass(frozen=True)
class Job:
    """A call to be made.

    Attributes:
        session: its name everywhere; letters, digits, `@ . _ -`.
        task: request and files, with the numbers that are really shown; every path is absolute.
        recording_name: file name of the recording, if the task records; "" takes `<session>.wav`.

    Raises:
        JobError: a name that is no file name, or a relative path.
    """

    session: str
    task: Task
    recording_name: str = ""

    def __post_init__(self) -> None:
        if not _SESSION.fullmatch(self.session):
            raise JobError("a session's name is letters, digits and @ . _ -, at most 200")
        if self.recording_name and not _RECORDING.fullmatch(self.recording_name):
            raise JobError(f"{self.session}: the recording's name is no plain *.wav")
        for path in _paths(self.task):
            if not path.is_absolute():  # a worker's working directory is not ours
                raise JobError(f"{self.session}: {path} is not absolute")

    @property
    def service(self) -> Service:
        """What is ordered."""
        return _SERVICES[type(self.task)]

    @property
    def legs(self) -> int:
        """How many legs it occupies, all in one worker."""
        return self.task.legs

    def to_json(self) -> dict[str, Any]:
        """Plain data, secrets included."""
        raw: dict[str, Any] = {
            "session": self.session,
            "service": self.service.value,
            "recording": self.recording_name,
            "request": _plain(asdict(self.task.request)),
        }
        if isinstance(self.task, NotificationTask):
            raw["contents"] = [_content_to_json(content) for content in self.task.contents]
        else:
            raw["files"] = _plain(asdict(self.task.files))
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Job":
        """Read it.

        Raises:
            JobError: it is no job; the text does not quote it.
        """
        try:
            return cls(raw["session"], _task(raw), raw["recording"])
        except RequestError as error:
            raise JobError(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, JobError):
                raise
            raise JobError("not a job") from None  # its cause would quote it


def _task(raw: Mapping[str, Any]) -> Task:
    request = dict(raw["request"])
    match Service(raw["service"]):
        case Service.CALLBACK:
            request["callee_media"] = CalleeMedia(request["callee_media"])
            request["last_minute_to"] = WarnedParty(request["last_minute_to"])
            return CallbackTask(CallbackRequest(**request), PromptFiles(**_files(raw)))
        case Service.NOTIFICATION:
            request["elements"] = tuple(NotificationElement(**element) for element in request["elements"])
            contents = tuple(_content_from_json(content) for content in raw["contents"])
            return NotificationTask(NotificationRequest(**request), contents)
        case Service.VERIFICATION:
            request["language"] = Language(request["language"])
            return VerificationTask(VerificationRequest(**request), ToneFiles(**_files(raw)))


def _files(raw: Mapping[str, Any]) -> dict[str, Path | None]:
    return {name: None if path is None else Path(path) for name, path in raw["files"].items()}


def _content_to_json(content: ContentSource) -> dict[str, str]:
    return {"text": content.text} if isinstance(content, Text) else {"file": str(content)}


def _content_from_json(raw: Mapping[str, str]) -> ContentSource:
    return Text(raw["text"]) if "text" in raw else Path(raw["file"])


def _paths(task: Task) -> list[Path]:
    if isinstance(task, NotificationTask):
        return [content for content in task.contents if isinstance(content, Path)]
    return [path for path in vars(task.files).values() if path is not None]


def _plain(value: Any) -> Any:
    """As JSON can have it: an enumeration by its value, a path as text."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
