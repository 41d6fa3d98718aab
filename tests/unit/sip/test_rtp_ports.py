"""RTP ports: which ranges can work, how long a freed one rests, and what the machine has no room for."""

import random
import resource
import subprocess
import sys

import pytest

from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.rtp_ports import (
    FILES_A_LEG,
    OTHER_FILES,
    QUARANTINE_S,
    Machine,
    RtpPorts,
    legs_with_room,
    this_machine,
    warnings,
)

ROOMY = Machine(open_files=1_000_000, ephemeral=(32768, 60999))


def test_default_range_is_below_the_kernels_ephemeral_ports() -> None:
    assert warnings(RtpPorts(), 1024, ROOMY) == ()
    assert RtpPorts().pairs == 8192


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (80, 32767, "1024 to 65535"),
        (16384, 65537, "1024 to 65535"),
        (20000, 19999, "1024 to 65535"),
        (16385, 32767, "even"),
        (16384, 32766, "odd"),
        (16384, 16385, "too few"),
    ],
)
def test_range_that_cannot_work_is_refused_by_its_ports(first: int, last: int, says: str) -> None:
    for make in (RtpPorts, lambda low, high: EndpointSettings(rtp_first_port=low, rtp_last_port=high)):
        with pytest.raises(SipConfigError) as error:
            make(first, last)
        assert f"RTP ports {first} to {last}" in str(error.value)
        assert says in str(error.value)


@pytest.mark.parametrize("ports", [RtpPorts(), RtpPorts(20000, 20003), RtpPorts(20000, 20999)])
def test_window_is_half_of_the_range_wherever_it_begins(ports: RtpPorts) -> None:
    for seed in range(200):
        port, extent = ports.window(random.Random(seed))
        assert port % 2 == 0
        assert ports.first <= port
        # The last RTP port that pjsua takes is port + extent, its RTCP the next.
        assert port + extent + 1 <= ports.last
        assert extent // 2 + 1 == ports.pairs // 2


def test_windows_of_many_processes_are_spread() -> None:
    begins = {RtpPorts().window(random.Random(seed))[0] for seed in range(100)}
    assert len(begins) > 90


def test_freed_port_rests_long_enough_at_a_hundred_legs_a_second() -> None:
    assert RtpPorts().quarantine_s(100) == 40.96
    assert RtpPorts().quarantine_s(100) >= QUARANTINE_S


def test_ephemeral_ports_are_told_by_their_numbers() -> None:
    (line,) = warnings(RtpPorts(30000, 39999), 100, ROOMY)
    assert line.startswith("RTP ports 32768 to 39999 are ephemeral ports of the kernel")
    assert "net.ipv4.ip_local_reserved_ports" in line


def test_ephemeral_ports_that_the_kernel_keeps_back_are_fine() -> None:
    kept = Machine(open_files=1_000_000, ephemeral=(32768, 60999), reserved=((32768, 39999),))
    assert warnings(RtpPorts(30000, 39999), 100, kept) == ()
    partly = Machine(open_files=1_000_000, ephemeral=(32768, 60999), reserved=((32768, 39000),))
    assert len(warnings(RtpPorts(30000, 39999), 100, partly)) == 1


def test_narrow_range_lowers_the_legs_and_says_so() -> None:
    ports = RtpPorts(20000, 20399)
    assert legs_with_room(ports, ROOMY) == 100
    assert warnings(ports, 1024, ROOMY) == (
        "RTP ports 20000 to 20399 suffice for 100 legs, not for 1024: widen the range",
    )
    assert warnings(ports, 100, ROOMY) == ()


def test_low_limit_of_open_files_lowers_the_legs_and_says_what_to_raise_it_to() -> None:
    machine = Machine(open_files=1024, ephemeral=(32768, 60999))
    assert legs_with_room(RtpPorts(), machine) == (1024 - OTHER_FILES) // FILES_A_LEG == 231
    assert warnings(RtpPorts(), 1024, machine) == (
        "1024 open files suffice for 231 legs, not for 1024: raise the hard limit (ulimit -Hn) to 4196",
    )


def test_no_room_at_all_is_no_leg() -> None:
    assert legs_with_room(RtpPorts(), Machine(open_files=50, ephemeral=(1, 2))) == 0


def test_this_machine_tells_its_hard_limit_and_ports() -> None:
    machine = this_machine()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert machine.open_files == (1 << 20 if hard == resource.RLIM_INFINITY else hard)
    assert 0 < machine.ephemeral[0] < machine.ephemeral[1] <= 65535


@pytest.mark.parametrize(
    ("soft", "hard", "legs", "then"), [(64, 600, 100, 500), (64, 300, 100, 300), (600, 600, 1, 600)]
)
def test_limit_is_raised_as_far_as_needed_and_allowed(soft: int, hard: int, legs: int, then: int) -> None:
    program = (
        "import resource; from sip.rtp_ports import raise_file_limit; "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard})); raise_file_limit({legs}); "
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(then), str(hard)]
