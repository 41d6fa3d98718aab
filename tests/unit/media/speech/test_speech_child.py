"""media.speech.child: turns, time-outs, and nothing that stays behind."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from media.errors import SpeechError
from media.speech.child import Children

SLEEPS = "import time; time.sleep(60)"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def is_up(pid: int) -> bool:
    """Whether it runs; one that is dead and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    end_s = time.monotonic() + 10.0
    while is_up(pid):
        assert time.monotonic() < end_s, "still runs"
        time.sleep(0.01)


def pid_in(file: Path) -> int:
    end_s = time.monotonic() + 10.0
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < end_s, "it never began"
        time.sleep(0.01)
    return int(file.read_text())


def test_text_is_standard_input_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    children = Children("x", 10.0, 1)
    with children.turn() as until_s:
        code = f"import sys; open({str(out)!r}, 'wb').write(sys.stdin.buffer.read())"
        children.run(python(code), "您好" * 50_000, until_s)
    assert out.read_text(encoding="utf-8") == "您好" * 50_000


@pytest.mark.parametrize("leashed", [False, True])
def test_grandchildren_are_killed_with_the_child(tmp_path: Path, leashed: bool) -> None:
    file = tmp_path / "pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid()) + chr(10)); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    children = Children("x", 1.5, 1)
    begun_s = time.monotonic()
    with children.turn() as until_s, pytest.raises(SpeechError, match=r"^x: took longer than 1.5 s$"):
        children.run(python(outer), "", until_s, leashed=leashed)
    assert time.monotonic() - begun_s < 10.0
    wait_until_gone(pid_in(file))


def test_what_a_child_leaves_running_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
        f"open({str(file)!r}, 'w').write(str(child.pid) + chr(10))"
    )
    children = Children("x", 20.0, 1)
    with children.turn() as until_s:
        children.run(python(code), "", until_s)
    wait_until_gone(pid_in(file))


@pytest.mark.skipif(shutil.which("timeout") is None, reason="coreutils are missing")
def test_leashed_child_ends_though_we_are_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    child = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid()) + chr(10)); time.sleep(60)"
    parent = (
        "import sys\nfrom media.speech.child import Children\n"
        "children = Children('x', 2.0, 1)\n"
        "with children.turn() as until_s:\n"
        f"    children.run([sys.executable, '-c', {child!r}], '', until_s, leashed=True)"
    )
    process = subprocess.Popen(python(parent), cwd=Path(__file__).parents[4])
    pid = pid_in(file)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    wait_until_gone(pid)


def test_waiting_for_a_turn_is_part_of_the_time(tmp_path: Path) -> None:
    children = Children("x", 0.3, 1)
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with children.turn():
            begun.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(10)
    with pytest.raises(SpeechError, match=r"^x: had no turn within 0.3 s$"), children.turn():
        pytest.fail("there was no turn")
    done.set()
    holder.join()
    with children.turn() as until_s:
        assert 0.0 < until_s - time.monotonic() <= 0.3


def test_turn_is_given_back_after_a_failure() -> None:
    children = Children("x", 10.0, 1)
    for _ in range(3):
        with pytest.raises(SpeechError, match="exit status 7: no reason given"), children.turn() as until_s:
            children.run(python("raise SystemExit(7)"), "", until_s)


def test_no_more_than_parallel_run_at_once(tmp_path: Path) -> None:
    children, lock = Children("x", 20.0, 2), threading.Lock()
    running, most = 0, 0

    def one() -> None:
        nonlocal running, most
        with children.turn():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_last_words_are_told_unless_they_may_be_the_text() -> None:
    code = "import sys; sys.exit('first\\n' + sys.stdin.read())"
    children = Children("x", 10.0, 1)
    for quoted, told in ((True, "x: exit status 1: 4802"), (False, "x: exit status 1")):
        with children.turn() as until_s, pytest.raises(SpeechError) as caught:
            children.run(python(code), "4802", until_s, quoted=quoted)
        assert str(caught.value) == told


def test_endless_complaints_are_no_memory_of_ours() -> None:
    code = "import sys; sys.stderr.write('x' * 5_000_000 + '\\nthe end'); sys.exit(1)"
    children = Children("x", 20.0, 1)
    with children.turn() as until_s, pytest.raises(SpeechError, match=r"^x: exit status 1: the end$"):
        children.run(python(code), "", until_s)


@pytest.mark.parametrize("leashed", [False, True])
def test_program_that_is_not_there_is_named(leashed: bool) -> None:
    children = Children("x", 10.0, 1)
    with (
        children.turn() as until_s,
        pytest.raises(SpeechError, match="cannot be started: there is no program /no/where"),
    ):
        children.run(["/no/where"], "", until_s, leashed=leashed)


def test_nothing_goes_to_our_output(capfd: pytest.CaptureFixture[str]) -> None:
    children = Children("x", 10.0, 1)
    with children.turn() as until_s:
        code = "import os; os.write(1, b'out'); os.write(2, b'err')"
        children.run(python(code), "", until_s)
    assert capfd.readouterr() == ("", "")
