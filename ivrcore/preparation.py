"""What has to be there before a call begins: its sounds, in a form that needs no more work.

It may speak texts and wait for the disk, so it belongs in a thread wherever others' calls are running.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from ivrcore.cdr import CallRecord, Entry, History, SpeechRecord, fold, plays_of
from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import CloseCall, Report, Status, Verdict
from ivrcore.contents import Text
from ivrcore.events import Content, Playable
from ivrcore.flow import Flow, callback_flow, notification_flow, verification_flow
from ivrcore.sounds import (
    VoiceFileError,
    sounds_for,
    sounds_for_notification,
    sounds_for_verification,
)
from ivrcore.spoken_code import SpokenCode
from ivrcore.tasks import CallbackTask, NotificationTask, Task, VerificationTask
from media.errors import MediaFormatError, SpeechError
from media.loop import unrolled
from media.speech.voice import SpeechEngine, Voice
from sip.errors import SipConfigError
from sip.leg import Sound


@dataclass(frozen=True)
class Prepared:
    """Everything a call plays.

    Attributes:
        spoken: what of it is a text of the customer's.
        conversion_s: how long it took to speak them; 0.0 when they were spoken before.
        code: of a verification; to be forgotten after the call.
    """

    sounds: Mapping[Playable, Sound]
    spoken: frozenset[Playable] = frozenset()
    conversion_s: float = 0.0
    code: SpokenCode | None = field(default=None, repr=False)

    def forget(self) -> None:
        """Delete what is secret; a second time is fine."""
        if self.code is not None:
            self.code.forget()

    def speech(self, history: History) -> SpeechRecord:
        """What the record says of it."""
        return SpeechRecord(plays_of(self.spoken, history), self.conversion_s)


class _TimedEngine:
    """A speech engine that adds up how long it speaks; implements SpeechEngine."""

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self.spent_s = 0.0

    @property
    def name(self) -> str:
        """See SpeechEngine."""
        return self._engine.name

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """See SpeechEngine."""
        begun_s = monotonic()
        try:
            self._engine.synthesize(text, voice, target)
        finally:
            self.spent_s += monotonic() - begun_s


def flow_of(task: Task) -> Flow:
    """The decisions of a task's service."""
    match task:
        case CallbackTask(request):
            return callback_flow(request)
        case NotificationTask(request):
            return notification_flow(request)
        case VerificationTask(request):
            return verification_flow(request)


def prepare(
    task: Task, engine: SpeechEngine, cache_dir: Path, loops_dir: Path, *, ringback_country: str = "CN"
) -> Prepared:
    """Find, judge and render what a task plays; blocks.

    Raises:
        SpeechError: a text cannot be spoken.
        VoiceFileError: a file is missing.
        MediaFormatError: a file breaks the service's format.
        MediaFileError: the cache cannot be written.
    """
    match task:
        case CallbackTask(request, files):
            sounds = sounds_for(request, files, cache_dir, engine=engine, ringback_country=ringback_country)
            for sound in sounds.values():
                if sound.loop:
                    # Made now, while nobody waits: minutes of A-law and an fsync, which would hold every
                    # leg of this process up at the moment B rings.
                    unrolled(sound.path, loops_dir)
            return Prepared(sounds)
        case NotificationTask(_, contents):
            timed = _TimedEngine(engine)
            sounds = sounds_for_notification(contents, cache_dir, timed)
            texts = [Content(number) for number, source in enumerate(contents) if isinstance(source, Text)]
            return Prepared(sounds, frozenset(texts), timed.spent_s)
        case VerificationTask(request, tones):
            spoken = sounds_for_verification(request, tones, cache_dir, engine)
            return Prepared(spoken.sounds, code=spoken.code)


def verdict_of(error: Exception) -> Verdict:
    """How a call ends that could not be begun."""
    match error:
        case SpeechError():
            return Verdict(StateCode.TTS_FAILED, ReleasePoint.TTS_FAILED)
        case VoiceFileError():
            return Verdict(StateCode.VOICE_FILE_MISSING, ReleasePoint.VOICE_FILE_MISSING)
        case MediaFormatError():
            return Verdict(StateCode.PLAY_FAILED, ReleasePoint.PLAY_FAILED)
        case RecordingRefusedError():
            return Verdict(StateCode.RECORDING_FAILED, ReleasePoint.RECORDING_START_FAILED)
        case SipConfigError():  # no trunk leads there
            return Verdict(StateCode.NOT_REACHED, ReleasePoint.NOT_REACHED)
    return Verdict(StateCode.INTERNAL_ERROR, ReleasePoint.INTERNAL_ERROR)


class RecordingRefusedError(Exception):
    """A recording cannot be prepared; its text is that of the cause."""


def record_without_call(
    session: str,
    flow: Flow,
    verdict: Verdict,
    *,
    now_s: float,
    utc_offset_s: float,
    observe: Callable[[Entry], None],
) -> CallRecord:
    """The record of a call that nobody was called for; tells its end as that of any other."""
    history = [Entry(now_s, Report(Status.DISCONNECT)), Entry(now_s, CloseCall(verdict))]
    for entry in history:
        observe(entry)
    return fold(session, flow.parties, history, utc_offset_s=utc_offset_s)
