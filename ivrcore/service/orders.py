"""What an order comes to: the call that is stored and the job a worker gets, or the documented refusal.

    order -> numbers that may be called -> numbers that may be shown -> recording allowed
          -> files and templates -> Call (no secret in it) and Job (complete: a worker asks nothing)

`plan` is a plain function on a connection that only reads. Checks run in this order, and the first that fails
answers. `accept` stores what was planned, if it still holds.
"""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from ivrcore.contents import ContentSource, Text
from ivrcore.request import (
    CallbackRequest,
    NotificationElement,
    NotificationRequest,
    VerificationRequest,
)
from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.models import CallbackOrder, NotificationOrder, PlayContentInfo, VerificationOrder
from ivrcore.service.api.ports import Order
from ivrcore.service.api.results import ResultCode
from ivrcore.service.content.files import voice_path
from ivrcore.service.content.template import (
    ForbiddenValueError,
    UnfitValueError,
    WrongCountError,
    parse,
)
from ivrcore.service.model import Call, ClientApp, Number, Review, Service
from ivrcore.service.rules.choose import Displays, choose
from ivrcore.service.rules.numbers import Ruling, judge
from ivrcore.service.sections import BarredPolicy, CallSettings
from ivrcore.service.store import calls as stored_calls
from ivrcore.service.store import content
from ivrcore.service.store import numbers as stored_numbers
from ivrcore.service.store.idempotency import StoredAnswer
from ivrcore.service.workers.job import Job
from ivrcore.sounds import PromptFiles, ToneFiles
from ivrcore.tasks import CallbackTask, NotificationTask, Task, VerificationTask


@dataclass(frozen=True)
class Desk:
    """What orders are worked out with, besides the store. `voices`: where the audio of voice files is."""

    settings: CallSettings
    voices: Path


@dataclass(frozen=True)
class Plan:
    """An order worked out.

    Attributes:
        job: None for a barred destination that fails as a carrier's does (D14).
        voices: the voice files that are played, and the content that each had.
    """

    call: Call
    job: Job | None
    voices: Mapping[str, str] = field(default_factory=dict)


def plan(
    connection: Connection, app: ClientApp, order: Order, desk: Desk, session: str, now: datetime
) -> Plan:
    """Work an order out.

    Raises:
        Refusal: the documented one.
    """
    barred = _barred(order, desk.settings)
    displays = _displays(connection, app, order)
    files = _Files(connection, app, desk.voices)
    task: Task
    match order:
        case CallbackOrder():
            if order.record_flag and not app.recording:
                raise Refusal(ResultCode.RECORDING_NOT_OPEN)
            call = _callback_call(app, order, displays, session, now)
            files.check(order.voices())
            task = _callback_task(order, displays, files, desk.settings)
        case NotificationOrder():
            call = _one_leg_call(app, order, displays, session, now, Service.NOTIFICATION)
            files.check(order.voices())
            task = _notification_task(order, displays, files, desk.settings)
        case VerificationOrder():
            call = _one_leg_call(app, order, displays, session, now, Service.VERIFICATION)
            files.check(order.voices())
            task = _verification_task(order, displays, files, desk.settings)
    return Plan(call, None if barred else Job(session, task, call.recording_name), files.used)


def accept(connection: Connection, planned: Plan, answer: StoredAnswer | None) -> None:
    """Store the call, unless a voice file it plays was deleted, replaced or rejected since it was planned.

    The files are held until the commit, from when on they are in use by a call that is up: whoever changes
    one holds it too before it looks for such calls (ivrcore.service.content.shelf). One of the two is first.

    Raises:
        Refusal: such a file was changed; nothing is stored.
        DuplicateKey, StoreConflict: see ivrcore.service.store.calls.accept.
    """
    if planned.voices:
        now = content.held_voice_files(connection, planned.call.account_id, planned.voices)
        for name, sha256 in planned.voices.items():
            voice = now.get(name)
            if voice is None or voice.state is not Review.APPROVED or voice.sha256 != sha256:
                raise invalid(f"{name} does not exist")
    stored_calls.accept(connection, planned.call, answer)


# -- numbers ----------------------------------------------------------------------------------------------


def _barred(order: Order, settings: CallSettings) -> bool:
    """Whether a party may not be called, and the call is to be accepted all the same.

    Raises:
        Refusal: a number is none, or is barred and the policy is to refuse.
    """
    parties = [("calleeNbr", order.callee_nbr)]
    if isinstance(order, CallbackOrder):
        parties.insert(0, ("callerNbr", order.caller_nbr))
    barred = False
    for name, number in parties:
        ruling = judge(number, settings.numbers, lab=settings.lab).ruling
        if ruling is Ruling.MALFORMED or (ruling is Ruling.BARRED and settings.barred is BarredPolicy.REFUSE):
            raise Refusal(ResultCode.INVALID_CALLER_NUMBER) if name == "callerNbr" else invalid(name)
        barred = barred or ruling is Ruling.BARRED
    return barred


def _displays(connection: Connection, app: ClientApp, order: Order) -> Displays:
    numbers = stored_numbers.numbers_of_account(connection, app.account.id)
    second = order.display_callee_nbr if isinstance(order, CallbackOrder) else ""
    chosen = choose(numbers, app.app_key, order.display_nbr, second, order.bind_nbr, pick=_at_random)
    if isinstance(chosen, ResultCode):
        raise Refusal(chosen)
    return chosen


def _at_random(numbers: Sequence[Number]) -> Number:
    return random.choice(numbers)


# -- what is stored ---------------------------------------------------------------------------------------


def _callback_call(
    app: ClientApp, order: CallbackOrder, displays: Displays, session: str, now: datetime
) -> Call:
    return Call(
        session=session,
        app_key=app.app_key,
        account_id=app.account.id,
        service=Service.CALLBACK,
        accepted_at=now,
        display_a=displays.a,
        a_number=order.caller_nbr,
        display_b=displays.b,
        b_number=order.callee_nbr,
        bind_number=displays.bind,
        status_url=order.status_url or app.status_url,
        fee_url=order.fee_url or app.fee_url,
        user_data=order.user_data,
        wants_party_type=order.party_type_required_in_disconnect,
        record=order.record_flag,
        recording_name=_recording_name(now) if order.record_flag else "",
        request=order.as_request(),
    )


def _one_leg_call(
    app: ClientApp,
    order: NotificationOrder | VerificationOrder,
    displays: Displays,
    session: str,
    now: datetime,
    service: Service,
) -> Call:
    return Call(
        session=session,
        app_key=app.app_key,
        account_id=app.account.id,
        service=service,
        accepted_at=now,
        display_a=displays.a,
        a_number=order.callee_nbr,
        bind_number=displays.bind,
        status_url=order.status_url or app.status_url,
        fee_url=order.fee_url or app.fee_url,
        user_data=order.user_data,
        request=order.as_request(),
    )


def _recording_name(now: datetime) -> str:
    """In the shape of published names: the time, and digits that make it unique."""
    return f"{now:%y%m%d%H%M%S}{secrets.randbelow(10**11):011}.wav"


# -- what is played ---------------------------------------------------------------------------------------


class _Files:
    """The account's voice files and templates."""

    def __init__(self, connection: Connection, app: ClientApp, voices: Path) -> None:
        self._connection = connection
        self._account_id = app.account.id
        self._voices = voices
        self.used: dict[str, str] = {}

    def check(self, names: Sequence[str]) -> None:
        """Raises Refusal for the first file that does not exist, or is not approved (FAQ 10.5)."""
        for name in names:
            self.path(name)

    def path(self, name: str) -> Path:
        """Where a file's audio is."""
        voice = content.voice_file(self._connection, self._account_id, name)
        if voice is None or voice.state is not Review.APPROVED:
            raise invalid(f"{name} does not exist")
        self.used[name] = voice.sha256
        return voice_path(self._voices, voice.sha256)

    def path_or_none(self, name: str) -> Path | None:
        """As `path`; None for none, which takes the built-in prompt where there is one."""
        return self.path(name) if name else None

    def filled(self, template_id: str, values: Sequence[str]) -> Text:
        """The text of an approved template with its values."""
        template = content.template(self._connection, self._account_id, template_id)
        if template is None:
            raise Refusal(ResultCode.NO_SUCH_TEMPLATE)
        if template.state is not Review.APPROVED:
            raise Refusal(ResultCode.TEMPLATE_NOT_APPROVED)
        try:
            return Text(parse(template.content).fill(values))
        except WrongCountError:
            raise Refusal(ResultCode.TEMPLATE_COUNT) from None
        except ForbiddenValueError:
            raise invalid("templateParas") from None
        except UnfitValueError as error:
            raise Refusal(ResultCode.TEMPLATE_VALUE, error.value) from None


def _callback_task(
    order: CallbackOrder, displays: Displays, files: _Files, settings: CallSettings
) -> CallbackTask:
    request = CallbackRequest(
        caller=order.caller_nbr,
        callee=order.callee_nbr,
        display_caller=displays.a,
        display_callee=displays.b,
        play_pre_voice=order.play_pre_voice,
        wait_voice=bool(order.wait_voice),  # there is no default (FAQ 6.2)
        callee_media=order.callee_media,
        record=order.record_flag,
        record_hint=bool(order.record_hint_tone),
        max_duration_min=order.max_duration,
        last_minute_to=order.last_min_to_ue,
        ring_timeout_s=settings.ring_timeout_s,
    )
    prompts = PromptFiles(
        pre_voice=files.path_or_none(order.pre_voice if order.play_pre_voice else ""),
        wait_voice=files.path_or_none(order.wait_voice),
        record_hint=files.path_or_none(order.record_hint_tone if order.record_flag else ""),
        last_minute=files.path_or_none(order.last_min_voice if order.max_duration else ""),
    )
    return CallbackTask(request, prompts)


def _notification_task(
    order: NotificationOrder, displays: Displays, files: _Files, settings: CallSettings
) -> NotificationTask:
    request = NotificationRequest(
        callee=order.callee_nbr,
        display=displays.a,
        elements=tuple(
            NotificationElement(
                collect=element.collect_ind,
                replay=element.replay_after_collection,
                trigger=element.collect_content_trigger_replaying,
            )
            for element in order.play_info_list
        ),
        ring_timeout_s=settings.ring_timeout_s,
        tell_before_replay=settings.collect_info_on_replay,
    )
    return NotificationTask(request, tuple(_content(element, files) for element in order.play_info_list))


def _content(element: PlayContentInfo, files: _Files) -> ContentSource:
    if element.notify_voice:
        return files.path(element.notify_voice)
    if element.template_id:
        return files.filled(element.template_id, element.template_paras)
    return Text(element.tts_content)


def _verification_task(
    order: VerificationOrder, displays: Displays, files: _Files, settings: CallSettings
) -> VerificationTask:
    request = VerificationRequest(
        callee=order.callee_nbr,
        display=displays.a,
        code=order.verify_code,
        language=order.language,
        has_pre_tone=True,
        has_pos_tone=bool(order.pos_tone),
        times=order.times,
        ring_timeout_s=settings.ring_timeout_s,
    )
    return VerificationTask(
        request, ToneFiles(files.path(order.pre_tone), files.path_or_none(order.pos_tone))
    )
