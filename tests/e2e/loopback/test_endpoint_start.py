"""Starting and stopping an endpoint: what it refuses, in one clear line, and that nothing of it stays."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.loopback.parties import Core, Phone
from tests.e2e.loopback.pool import Pool
from tests.e2e.loopback.wirephone import WirePhone

pytestmark = pytest.mark.e2e

NewCore = Callable[..., Core]


@pytest.fixture
def new_core(parties: ExitStack, cache_dir: Path) -> NewCore:
    """Starts a core with these settings."""
    return lambda **settings: parties.enter_context(Core(cache_dir, **settings))


@pytest.fixture
def callee(parties: ExitStack, pool: Pool) -> Core:
    """A second stack, to be called."""
    return parties.enter_context(pool.core())


def test_ready_endpoint_names_its_address_and_its_calls(core: Core) -> None:
    ready = core.wait("ready")
    host, _, port = ready["address"].partition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert ready["calls"] >= 4


def test_chosen_port_is_the_one_it_listens_on(new_core: NewCore) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert new_core(sip_port=port).address == f"127.0.0.1:{port}"


def test_only_audio_threads_have_real_time_priority(core: Core) -> None:
    policies = {
        (task / "comm").read_text().strip(): os.sched_getscheduler(int(task.name))
        for task in Path(f"/proc/{core.process.pid}/task").iterdir()
    }
    # pjsua's worker calls back into Python, and spins while the reactor's thread has what it wants.
    assert policies["pjsua_0"] == os.SCHED_OTHER
    real_time = {name for name, policy in policies.items() if policy == os.SCHED_RR}
    assert real_time == ({"media", "clock"} if may_be_real_time() else set())


def may_be_real_time() -> bool:
    """Whether this user may ask for it; tried in a child process, which is gone afterwards."""
    script = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


def test_busy_port_is_refused_by_name(new_core: NewCore) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        refused = new_core(sip_port=port).wait("refused")
    assert refused["type"] == "SipConfigError"
    assert refused["text"] == (
        f"UDP port {port} on 127.0.0.1 is in use: choose another SIP port, or 0 for a free one"
    )


def test_foreign_address_is_refused_by_name(new_core: NewCore) -> None:
    refused = new_core(bind="192.0.2.1").wait("refused")  # RFC 5737: nobody's address
    assert refused["type"] == "SipConfigError"
    assert refused["text"] == "address 192.0.2.1 is not one of this machine's"


def test_unknown_codec_is_refused_by_name(new_core: NewCore) -> None:
    refused = new_core(codecs=["PCMA", "GSM"]).wait("refused")
    assert refused["type"] == "SipConfigError"
    assert refused["text"] == "unknown codec 'GSM': known are PCMA, PCMU, G722, OPUS"


def test_codec_that_is_not_built_in_is_refused_by_name(new_core: NewCore) -> None:
    core = new_core(codecs=["OPUS"])
    refused = core.wait("refused", "ready")
    if refused["event"] == "ready":
        pytest.skip("this build of pjsua2 has Opus")
    assert refused["type"] == "SipConfigError"
    assert refused["text"].startswith("codec OPUS is not in this pjsua2 build, which has ")
    assert "PCMA" in refused["text"]


def test_trunk_without_a_common_codec_is_refused_by_name(new_core: NewCore) -> None:
    core = new_core(codecs=["PCMA"])
    core.dial("A", "sip:100@127.0.0.1:9", trunk={"codecs": ["PCMU", "G722"]})
    error = core.wait("error")
    assert error["type"] == "SipConfigError"
    assert error["text"] == "the trunk has no codec of the endpoint: PCMU, G722 against PCMA"
    core.hang_up("A")
    core.wait("LegHungUp")


def test_endpoint_offers_its_codecs_only(new_core: NewCore, wire: WirePhone) -> None:
    core = new_core(codecs=["PCMU"])
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    assert [number for number in invite.payload_types if number < 96] == [0]
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_closing_hangs_up_every_leg_and_leaves_the_port_free(
    new_core: NewCore, new_phone: Callable[..., Phone]
) -> None:
    talking, ringing = new_phone(answer_after_s=0.0), new_phone(ring_after_s=0.0, answer_after_s=None)
    core = new_core()
    core.dial("A", talking.uri)
    core.dial("B", ringing.uri)
    core.order("new_leg", leg="C")
    core.wait("LegAnswered", leg="A")
    core.wait("LegRang", leg="B")
    core.end()
    assert {report["leg"] for report in core.all("LegHungUp", by_remote=False)} == {"A", "B", "C"}
    for phone in (talking, ringing):
        assert phone.wait("ended")["by_remote"] is True
    host, _, port = core.address.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((host, int(port)))


def test_call_that_comes_in_is_offered_with_its_numbers_and_answered(core: Core, callee: Core) -> None:
    core.dial("A", f"sip:*21%23@{callee.address}", display="+8695588")
    call = callee.wait("incoming")
    assert (call["called"], call["calling"], call["asserted"]) == ("*21#", "+8695588", "+8695588")
    callee.order("ring", leg=call["leg"])
    core.wait("LegRang")
    callee.order("answer", leg=call["leg"])
    core.wait("LegAnswered")
    callee.wait("LegAnswered", leg=call["leg"])
    callee.hang_up(call["leg"], 31)
    assert core.wait("LegHungUp")["q850"] == 31
    assert callee.wait("LegHungUp")["by_remote"] is False


def test_incoming_call_is_refused_with_the_status_of_its_cause(core: Core, callee: Core) -> None:
    core.dial("A", f"sip:1@{callee.address}")
    callee.hang_up(callee.wait("incoming")["leg"], 17)
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"]) == (17, 486)


def test_caller_who_gives_up_ends_the_incoming_leg(core: Core, callee: Core) -> None:
    core.dial("A", f"sip:1@{callee.address}")
    call = callee.wait("incoming")
    callee.order("ring", leg=call["leg"])
    core.wait("LegRang")
    core.hang_up("A", 19)
    ended = callee.wait("LegHungUp", leg=call["leg"])
    assert ended["by_remote"] is True
    callee.order("answer", leg=call["leg"])  # crosses its end: ignored
    callee.order("play", leg=call["leg"], playback="p", path="/nonexistent.wav")
    callee.order("level", leg=call["leg"])
    callee.wait("level")
    assert callee.all("error") == []
