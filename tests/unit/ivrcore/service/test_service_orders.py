"""From an order to a call and a job, or to the documented refusal."""

from dataclasses import replace
from pathlib import Path

import pytest

from ivrcore.contents import Text
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.fields import Reading
from ivrcore.service.api.models import CallbackOrder, NotificationOrder, VerificationOrder, read
from ivrcore.service.api.ports import Order
from ivrcore.service.model import Number, NumberState, Service
from ivrcore.service.orders import Desk, Plan, plan
from ivrcore.service.sections import BarredPolicy, CallSettings
from ivrcore.service.store import accounts, numbers
from ivrcore.service.testing import BIND, DISPLAY_A, DISPLAY_B, NOW, A, B, Bench
from ivrcore.tasks import CallbackTask, NotificationTask, VerificationTask

REFUSING = CallSettings(barred=BarredPolicy.REFUSE)

CALLBACK = {
    "displayNbr": DISPLAY_A,
    "callerNbr": A,
    "displayCalleeNbr": DISPLAY_B,
    "calleeNbr": B,
}
NOTIFICATION = {"displayNbr": DISPLAY_A, "calleeNbr": A, "playInfoList": [{"notifyVoice": "wait.wav"}]}
VERIFICATION = {
    "displayNbr": DISPLAY_A,
    "calleeNbr": A,
    "languageType": 1,
    "preTone": "wait.wav",
    "verifyCode": "480213",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def planned(bench: Bench, order: Order, settings: CallSettings | None = None) -> Plan:
    service = {
        CallbackOrder: Service.CALLBACK,
        NotificationOrder: Service.NOTIFICATION,
        VerificationOrder: Service.VERIFICATION,
    }[type(order)]
    desk = Desk(settings or CallSettings(), bench.voices)
    return bench.database.run_now(plan, bench.app(service), order, desk, "1201_1_2_3@host", NOW)


def callback(**changes: object) -> CallbackOrder:
    return read(CallbackOrder, {**CALLBACK, **changes}, Reading())


def notification(*elements: dict[str, object], **changes: object) -> NotificationOrder:
    asked = {"playInfoList": list(elements)} if elements else {}
    return read(NotificationOrder, {**NOTIFICATION, **asked, **changes}, Reading(tts_content=True))


def refusal(bench: Bench, order: Order, settings: CallSettings | None = None) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        planned(bench, order, settings)
    return caught.value.result.code, caught.value.description


def test_callback_becomes_a_call_with_both_parties(bench: Bench) -> None:
    made = planned(bench, callback(userData="order-7", partyTypeRequiredInDisconnect="true"))
    call = made.call
    assert (call.display_a, call.a_number, call.display_b, call.b_number) == (DISPLAY_A, A, DISPLAY_B, B)
    assert (call.user_data, call.wants_party_type, call.bind_number, call.legs) == ("order-7", True, BIND, 2)
    assert made.job is not None
    assert isinstance(made.job.task, CallbackTask)
    assert made.job.task.request.caller == A
    assert made.job.task.request.ring_timeout_s == 60


def test_callback_plays_the_files_that_have_an_effect(bench: Bench) -> None:
    made = planned(
        bench,
        callback(
            waitVoice="wait.wav",
            playPreVoice="true",
            maxDuration=30,
            recordFlag="true",
            recordHintTone="wait.wav",
        ),
    )
    assert made.job is not None
    assert isinstance(made.job.task, CallbackTask)
    files = made.job.task.files
    assert files.wait_voice == files.record_hint
    assert files.wait_voice is not None
    assert files.wait_voice.read_bytes() == b"audio"
    assert files.pre_voice is None  # the built-in one
    assert made.job.task.request.max_duration_min == 30


def test_recording_has_a_name_in_the_published_shape(bench: Bench) -> None:
    made = planned(bench, callback(recordFlag="true"))
    assert made.call.recording_name.startswith("260301081530")
    assert made.call.recording_name.endswith(".wav")
    assert made.job is not None
    assert made.job.recording_name == made.call.recording_name
    assert planned(bench, callback()).call.recording_name == ""


@pytest.mark.parametrize(
    ("parameter", "needs"),
    [
        ("lastMinVoice", {"maxDuration": 2}),
        ("preVoice", {"playPreVoice": "true"}),
        ("waitVoice", {}),
        ("recordHintTone", {"recordFlag": "true"}),
        ("callBackTone", {}),
    ],
)
def test_file_that_is_not_there_is_named(bench: Bench, parameter: str, needs: dict[str, object]) -> None:
    told = refusal(bench, callback(**{parameter: "lost.wav"}, **needs))
    assert told == ("1010002", "Invalid request.lost.wav does not exist")


def test_file_without_approval_does_not_exist(bench: Bench) -> None:
    assert refusal(bench, callback(waitVoice="new.wav"))[1] == "Invalid request.new.wav does not exist"


def test_file_without_an_effect_need_not_exist(bench: Bench) -> None:
    assert planned(
        bench, callback(preVoice="lost.wav", lastMinVoice="lost.wav", recordHintTone="lost.wav")
    ).job


def test_recording_must_be_open_in_the_application(bench: Bench) -> None:
    silent = replace(bench.app(Service.CALLBACK), app_key="silent", name="silent", recording=False)
    bench.database.run_now(accounts.add_app, silent, NOW)
    with pytest.raises(Refusal) as caught:
        bench.database.run_now(
            plan, silent, callback(recordFlag="true"), Desk(CallSettings(), bench.voices), "s@h", NOW
        )
    assert caught.value.result.code == "1012012"


def test_foreign_display_number_is_refused(bench: Bench) -> None:
    assert refusal(bench, callback(displayNbr="+8675528000077"))[0] == "1010023"


def test_foreign_bind_number_is_refused(bench: Bench) -> None:
    assert refusal(bench, callback(bindNbr="+8675528000001"))[0] == "1020151"


def test_paused_display_number_is_replaced(bench: Bench) -> None:
    bench.database.run_now(numbers.set_number_state, DISPLAY_A, NumberState.PAUSED, NOW)
    assert planned(bench, callback()).call.display_a == DISPLAY_B


@pytest.mark.parametrize(
    ("number", "code"),
    [("+85223456789", "1010024"), ("95588", "1010024"), ("+861380013800", "1010024")],
)
def test_caller_that_may_not_be_called_is_refused(bench: Bench, number: str, code: str) -> None:
    assert refusal(bench, callback(callerNbr=number), REFUSING)[0] == code


def test_callee_that_may_not_be_called_is_named(bench: Bench) -> None:
    told = refusal(bench, callback(calleeNbr="+85223456789"), REFUSING)
    assert told == ("1010002", "Invalid request.calleeNbr")


def test_barred_number_may_be_made_to_fail_as_a_carrier_does(bench: Bench) -> None:
    settings = CallSettings(barred=BarredPolicy.FAIL)
    assert planned(bench, callback(calleeNbr="+85223456789"), settings).job is None


def test_template_is_filled_and_its_values_are_not_stored(bench: Bench) -> None:
    order = notification({"templateId": "t1", "templateParas": ["二号门", "3"], "collectInd": 1})
    made = planned(bench, order)
    assert made.job is not None
    assert isinstance(made.job.task, NotificationTask)
    assert made.job.task.contents == (Text("请到二号门取3件"),)
    assert made.job.task.request.elements[0].collect == 1
    assert "二号门" not in str(dict(made.call.request))
    assert "t1" in str(dict(made.call.request))


@pytest.mark.parametrize(
    ("template", "values", "code"),
    [
        ("t9", ["a", "1"], "1012003"),
        ("t2", ["a", "1"], "1012002"),
        ("t1", ["a"], "1012004"),
        ("t1", ["a", "123"], "1012005"),
    ],
)
def test_template_that_cannot_be_filled(bench: Bench, template: str, values: list[str], code: str) -> None:
    assert refusal(bench, notification({"templateId": template, "templateParas": values}))[0] == code


def test_elements_keep_their_order_and_kind(bench: Bench) -> None:
    made = planned(bench, notification({"notifyVoice": "wait.wav"}, {"ttsContent": "你好"}))
    assert made.job is not None
    assert isinstance(made.job.task, NotificationTask)
    file, text = made.job.task.contents
    assert isinstance(file, Path)
    assert text == Text("你好")


def test_verification_code_is_in_the_job_and_nowhere_else(bench: Bench) -> None:
    made = planned(bench, read(VerificationOrder, VERIFICATION, Reading()))
    assert made.job is not None
    assert isinstance(made.job.task, VerificationTask)
    assert made.job.task.request.code == "480213"
    assert "480213" not in repr(made)
    assert "480213" not in str(dict(made.call.request))


def test_request_address_goes_before_the_applications(bench: Bench) -> None:
    asked = callback(statusUrl="aHR0cDovL28uZXhhbXBsZS5jb20vcw==")  # http://o.example.com/s
    assert planned(bench, asked).call.status_url == "http://o.example.com/s"
    assert planned(bench, asked).call.fee_url == "http://sp.example.com/fee"


def test_application_without_a_number_is_told_so(bench: Bench) -> None:
    for number in (DISPLAY_A, DISPLAY_B):
        bench.database.run_now(numbers.set_number_state, number, NumberState.RELEASED, NOW)
    assert refusal(bench, callback())[0] == "1012001"
    bench.database.run_now(
        numbers.add_number, Number("+8675528000003", bench.app(Service.CALLBACK).account.id, None), NOW
    )
    assert refusal(bench, callback())[0] == "1012001"
