"""Builds the engine: pjsua2 from pjproject's source, for hundreds of legs in a process. See docs/engine.md.

    make engine                              pjproject's source from Debian's asterisk source package
    make engine SOURCE=path-or-URL SHA256=…  from a tarball, release 2.16 or later

It is kept outside the tree, by its content: the second time there is nothing to do.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from scripts.engine import build, debian
from scripts.engine.steps import BuildError, NothingToBuildError, say, step
from sip.engine_choice import VARIABLE, current_link, engines_dir

_FETCH_TIMEOUT_S = 30
_EXIT_NOTHING_TO_BUILD = 77
"""What a test that cannot run here ends with, as the testbed of docker/asterisk does."""

_FROM_DEBIAN = "debian.sha256"
"""Names the tarball that was fetched from Debian, in the directory of sources."""


def main() -> int:
    """Build or find the engine, and tell how to use it.

    Returns:
        Exit status: 0; 1 with one line of what went wrong; 77 where no source or compiler is to be had.
    """
    parser = argparse.ArgumentParser(
        prog="make engine", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--source", default="", help="a tarball of pjproject: path or URL")
    parser.add_argument("--sha256", default="", help="what the tarball must have")
    parser.add_argument("--refresh", action="store_true", help="ask Debian again for its pjproject")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at once")
    options = parser.parse_args()
    try:
        engine = _engine(options.source, options.sha256.lower(), options.refresh, options.jobs)
    except BuildError as error:
        print(f"engine: {error}", file=sys.stderr)
        return _EXIT_NOTHING_TO_BUILD if isinstance(error, NothingToBuildError) else 1
    except KeyboardInterrupt:
        return 130
    facts = engine.facts
    say(
        f"pjproject {facts['pjproject']}: {facts['calls']} calls, {facts['players']} players, "
        f"{facts['recorders']} recorders, {facts['conference_ports']} conference ports, "
        f"{facts['io_handles']} I/O handles by {facts['io_queue']}"
    )
    say(f"wheel: {engine.wheel}")
    say(f"to use it: {VARIABLE}=own (or {VARIABLE}={engine.directory})")
    return 0


def _engine(source: str, sha256: str, refresh: bool, jobs: int) -> build.Engine:
    engines = engines_dir()
    with _alone(engines):
        tarball, digest = _tarball(engines / "sources", source, sha256, refresh)
        directory = engines / build.key_of(digest)
        engine = build.load(directory)
        if engine is None:
            debian.install_what_is_missing(*debian.PACKAGES)
            began_s = time.monotonic()
            engine = build.build(tarball, digest, directory, jobs)
            say(f"built in {time.monotonic() - began_s:.0f} s")
        link = current_link(engines)
        fresh = link.with_name(link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(directory.name)
        fresh.rename(link)
        return engine


@contextmanager
def _alone(engines: Path) -> Iterator[None]:
    """One build at a time; the others wait, and then find it done."""
    try:
        engines.mkdir(parents=True, exist_ok=True)
        lock = (engines / "lock").open("w")
    except OSError as error:
        raise BuildError(f"{engines} cannot be written: {error.strerror}; set XDG_CACHE_HOME") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tarball(sources: Path, source: str, sha256: str, refresh: bool) -> tuple[Path, str]:
    """A tarball and its SHA-256, which has been checked."""
    sources.mkdir(exist_ok=True)
    if not source:
        if sha256:
            raise BuildError("SHA256 belongs to a SOURCE: give both, or neither")
        return _debian_tarball(sources, refresh)
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise BuildError("SOURCE needs SHA256=, 64 hexadecimal digits: nothing is built that was not checked")
    if "://" not in source:
        path = Path(source)
        if not path.is_file():
            raise BuildError(f"there is no file {path}")
        _check(path, sha256)
        return path, sha256
    kept = sources / sha256
    if not kept.exists() or _sha256(kept) != sha256:
        fresh = kept.with_suffix(".part")
        with step(f"fetching {source}"):
            _download(source, fresh)
        _check(fresh, sha256)
        fresh.rename(kept)
    return kept, sha256


def _debian_tarball(sources: Path, refresh: bool) -> tuple[Path, str]:
    note = sources / _FROM_DEBIAN
    if not refresh and note.exists():
        digest = note.read_text().strip()
        if (sources / digest).exists() and _sha256(sources / digest) == digest:
            return sources / digest, digest
    fresh = sources / "debian.part"
    with step("fetching pjproject's source by apt"):
        digest = debian.fetch_component(fresh)
    _check(fresh, digest)
    fresh.rename(sources / digest)
    note.write_text(digest + "\n")
    return sources / digest, digest


def _download(url: str, target: Path) -> None:
    if not url.startswith(("https://", "http://", "file://")):
        raise BuildError(f"SOURCE={url}: neither a path nor an http, https or file URL")
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as response, target.open("wb") as file:
            shutil.copyfileobj(response, file)
    except (URLError, OSError) as error:
        raise BuildError(f"{url} cannot be fetched: {error}") from error


def _check(path: Path, sha256: str) -> None:
    found = _sha256(path)
    if found != sha256:
        raise BuildError(f"{path} has SHA-256 {found}, not {sha256}: it is not the file that was meant")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
