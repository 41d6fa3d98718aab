"""What a call needs to be made: the request and what it plays. Plain data, one class a service."""

from dataclasses import dataclass, field
from typing import TypeAlias

from ivrcore.contents import ContentSource
from ivrcore.request import CallbackRequest, NotificationRequest, RequestError, VerificationRequest
from ivrcore.sounds import PromptFiles, ToneFiles


@dataclass(frozen=True)
class CallbackTask:
    """Call A, then B, and let them talk."""

    request: CallbackRequest
    files: PromptFiles = field(default_factory=PromptFiles)

    @property
    def legs(self) -> int:
        """How many legs it occupies."""
        return 2


@dataclass(frozen=True)
class NotificationTask:
    """Call A and play. `contents`: one for each element of the request.

    Raises:
        RequestError: there are more or fewer of them.
    """

    request: NotificationRequest
    contents: tuple[ContentSource, ...]

    def __post_init__(self) -> None:
        if len(self.contents) != len(self.request.elements):
            raise RequestError(f"{len(self.request.elements)} elements have {len(self.contents)} contents")

    @property
    def legs(self) -> int:
        """How many legs it occupies."""
        return 1


@dataclass(frozen=True)
class VerificationTask:
    """Call A and speak a code."""

    request: VerificationRequest
    files: ToneFiles = field(default_factory=ToneFiles)

    @property
    def legs(self) -> int:
        """How many legs it occupies."""
        return 1


Task: TypeAlias = CallbackTask | NotificationTask | VerificationTask
