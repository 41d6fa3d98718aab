"""What comes from Debian: the packages the build needs, and pjproject's source where none was given.

Debian builds its Asterisk with a pjproject of its own, so the asterisk source package carries pjproject's
source as one of its tarballs. It is taken from the same mirror, through the same proxy and with the same
archive keys as everything else this machine installs; package lists go to a temporary directory, and nothing
of the machine's own apt configuration is changed.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

from scripts.engine.steps import BuildError, NothingToBuildError, answer, say

PACKAGES = (
    "build-essential",
    "swig",
    "libssl-dev",
    "libsrtp2-dev",
    "libopus-dev",
    "libsamplerate0-dev",
    "uuid-dev",
)
TOOLS = ("make", "g++", "swig")

SUITES = ("forky", "sid")
"""Releases that have Asterisk at all, the calmer one first; Debian 12 and 13 have none."""

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT_HELPER = Path("/usr/lib/apt/apt-helper")
_COMPONENT = re.compile(
    r"^'(?P<uri>[^']+)' \S*orig-Xpjproject\.tar\.\w+ \d+ SHA256:(?P<sha256>[0-9a-f]{64})$", re.M
)


def install_what_is_missing(*packages: str) -> None:
    """Install Debian packages; where there is no dpkg, only look for the tools.

    Raises:
        NothingToBuildError: they cannot be installed; the text names them.
    """
    if not shutil.which("dpkg-query"):
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            raise NothingToBuildError(f"needed and not installed: {', '.join(missing)}")
        return
    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        answer([*as_root, "apt-get", "update", "-qq"], environment)
        answer(
            [*as_root, "apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing], environment
        )
    except BuildError as error:
        raise NothingToBuildError(f"install these packages: {' '.join(missing)} ({error})") from error


def _is_installed(package: str) -> bool:
    try:
        return "install ok installed" in answer(["dpkg-query", "-W", "-f", "${Status}", package])
    except BuildError:
        return False


def fetch_component(target: Path) -> str:
    """Download the pjproject of Debian's asterisk source; returns its SHA-256, which apt checked.

    Raises:
        NothingToBuildError: no suite has it, or this machine's apt knows no Debian mirror.
    """
    if not shutil.which("apt-get"):
        raise NothingToBuildError("there is no apt-get here: give a tarball by SOURCE=path-or-URL SHA256=…")
    mirror = _mirror()
    failures = []
    for suite in SUITES:
        try:
            return _fetch_from(mirror, suite, target)
        except BuildError as error:
            failures.append(f"{suite}: {error}")
    raise NothingToBuildError(
        f"apt did not find pjproject's source ({'; '.join(failures)}); "
        "give a tarball by SOURCE=path-or-URL SHA256=…"
    )


def _mirror() -> str:
    """The Debian mirror this machine installs from."""
    listed = answer(["apt-get", "indextargets", "--format", "$(LABEL) $(SITE)", "Created-By: Packages"])
    for line in listed.splitlines():
        label, _, site = line.partition(" ")
        if label == "Debian":
            return site
    raise NothingToBuildError(
        "this machine's apt knows no Debian mirror (apt-get update may be missing): "
        "give a tarball by SOURCE=path-or-URL SHA256=…"
    )


def _fetch_from(mirror: str, suite: str, target: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="ivrcore-apt-") as scratch:
        root = Path(scratch)
        root.chmod(0o755)  # apt reads its lists as a user of its own
        for directory in ("lists/partial", "cache/archives/partial"):
            (root / directory).mkdir(parents=True)
        signed_by = f"Signed-By: {_KEYRING}\n" if _KEYRING.exists() else ""
        (root / "debian.sources").write_text(
            f"Types: deb-src\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n{signed_by}"
        )
        options = [
            f"-oDir::Etc::sourcelist={root}/debian.sources",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={root}/lists",
            f"-oDir::Cache={root}/cache",
            "-oAcquire::Languages=none",
            # On a mirror that stands still, an unreleased suite is past its date. Signatures stay checked.
            "-oAcquire::Check-Valid-Until=false",
            "-oAPT::Update::Error-Mode=any",
        ]
        answer(["apt-get", *options, "update", "-qq"])
        files = answer(["apt-get", *options, "--print-uris", "--only-source", "source", "asterisk"])
        found = _COMPONENT.search(files)
        if not found:
            raise BuildError("asterisk's source package has no pjproject component")
        answer([_APT_HELPER, *options, "download-file", found["uri"], target, f"SHA256:{found['sha256']}"])
        return found["sha256"]
