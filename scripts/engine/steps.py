"""What every step of the build shares: saying what is done, running a program, failing in one line."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

LAST_LINES = 15
"""Of the log, shown when a program fails: a compiler's message with its surroundings."""


class BuildError(Exception):
    """The engine cannot be built; its text is one line that says what to do about it."""


class NothingToBuildError(BuildError):
    """There is no source of pjproject, or no compiler, to be had here, as without a network."""


def say(text: str) -> None:
    """One line for whoever waits."""
    print(f"engine: {text}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    say(f"{what} …")
    began_s = time.monotonic()
    yield
    took_s = time.monotonic() - began_s
    if took_s >= 1:
        say(f"{what}: {took_s:.0f} s")


def run(
    command: Sequence[str | Path], *, log: Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program with its output in the log.

    Raises:
        BuildError: it failed; the end of the log went to standard error.
    """
    with log.open("a") as output:
        output.write(f"\n$ {' '.join(map(str, command))}\n")
        output.flush()
        try:
            status = subprocess.run(
                command,
                cwd=cwd,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
            ).returncode
        except FileNotFoundError as error:
            raise BuildError(f"{command[0]} is not installed") from error
    if status:
        last = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        sys.stderr.write("\n".join(last) + "\n")
        raise BuildError(
            f"{Path(command[0]).name} failed ({status}); its last words are above, the rest in {log}"
        )


def answer(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """What a program writes to standard output.

    Raises:
        BuildError: it failed; the text has the last line it wrote to standard error.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment
        )
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is not installed") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise BuildError(f"{Path(command[0]).name} failed: {said[-1]}")
    return done.stdout
