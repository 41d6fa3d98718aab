"""What benchmarks/call_costs.py makes of strace's lines, and of what threads have done."""

import os
import threading

import pytest

from benchmarks.call_costs import Work, memory_of, system_calls, threads_of, work_of

STRACE = """\
11 recvfrom(7, "x", 2000, 0, {sa_family=AF_INET}, [28 => 16]) = 172
11 recvfrom(7, 0x7f, 2000, 0, 0x7f, [28]) = -1 EAGAIN (Resource temporarily unavailable)
11 epoll_wait(5,  <unfinished ...>
12 sendto(9, "x", 172, 0, {sa_family=AF_INET}, 16) = 172
11 <... epoll_wait resumed>[{events=EPOLLIN}], 64, 10) = 1
13 futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 0
12 --- SIGCHLD {si_signo=SIGCHLD} ---
12 +++ exited with 0 +++
"""


def test_system_calls_are_counted_once_each_by_thread_and_apart_when_in_vain() -> None:
    assert system_calls(STRACE, {"11": "media", "12": "clock"}) == {
        ("media", "recvfrom"): 1,
        ("media", "recvfrom in vain"): 1,
        ("media", "epoll_wait"): 1,
        ("clock", "sendto"): 1,
        ("?", "futex"): 1,
    }


def test_work_since_is_a_difference() -> None:
    since = Work(1.5, 30).since(Work(1.0, 10))
    assert since.cpu_s == pytest.approx(0.5)
    assert since.wakeups == 20


def test_threads_of_one_name_are_added_up() -> None:
    asleep, go_on = threading.Semaphore(0), threading.Event()

    def sleep() -> None:
        asleep.release()
        go_on.wait()

    threads = [threading.Thread(target=sleep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        asleep.acquire()
    try:
        names, work = threads_of(os.getpid()), work_of(os.getpid())
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
    assert len(names) >= 3
    assert set(work) == set(names.values())
    assert sum(one.cpu_s for one in work.values()) > 0


def test_memory_by_kind_is_all_there_is() -> None:
    memory = memory_of(os.getpid())
    assert memory["heap"] > 0
    assert memory["files"] > 0
    assert set(memory) <= {"heap", "other anonymous", "engine", "files"}
