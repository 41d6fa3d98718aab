"""From a tarball of pjproject to a package `pjsua2`: configure, compile, link, try out, wrap up.

The binding is one enormous C++ file that takes as long as the whole library; both are compiled at the same
time.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.engine.corrections import OUR_SOURCE, content, correct
from scripts.engine.steps import BuildError, answer, run, step
from sip.engine_choice import BUILD_FILE, interpreter_tag

CONFIG = Path(__file__).with_name("config_site.h")
PROBE = Path(__file__).with_name("probe.py")

LEAST_VERSION = (2, 16)
"""Of pjproject: earlier bindings copy a frame of audio byte by byte."""

CONFIGURE = (
    "--enable-epoll",
    # Neither video nor a sound device: a null device ticks the conference.
    *("--disable-video", "--disable-sound", "--disable-upnp"),
    *(
        "--disable-ffmpeg",
        "--disable-sdl",
        "--disable-v4l2",
        "--disable-openh264",
        "--disable-vpx",
        "--disable-libyuv",
    ),
    # What a distribution keeps up to date is taken from it. Its libsamplerate serves the wide-band codecs.
    *("--with-external-srtp", "--enable-libsamplerate"),
    # PCMA, PCMU, G.722 and Opus stay.
    *("--disable-speex-codec", "--disable-speex-aec", "--disable-gsm-codec", "--disable-g7221-codec"),
    *(
        "--disable-ilbc-codec",
        "--disable-silk",
        "--disable-opencore-amr",
        "--disable-bcg729",
        "--disable-lyra",
    ),
    "--disable-libwebrtc",
)

# No assertions: one that fails would end every call of the process. The checks that return an error stay.
FLAGS = "-O3 -fPIC -DNDEBUG"
BINDING_FLAGS = "-O1 -fPIC -DNDEBUG"  # it only passes arguments on; -O3 doubles the time to compile it

RECIPE = "3"
"""To be raised when the steps below change what comes out of them."""

_TAKEN_OUT = ("pjmedia/src/pjmedia-audiodev/bdimad_dev.c",)
"""Sources that Debian removes for their licence, though the makefile wants them: compiled empty, as without a
sound device they would be anyway."""

_OUR_OBJECT = "ivrcore_rtp.o"


@dataclass(frozen=True)
class Engine:
    """A package that was built and tried out."""

    directory: Path
    wheel: Path
    facts: dict[str, object]


def key_of(source_sha256: str) -> str:
    """What names a build: everything that decides about its content."""
    parts = (
        *(RECIPE, source_sha256, interpreter_tag(), CONFIG.read_text(), content()),
        *(*CONFIGURE, FLAGS, BINDING_FLAGS),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def load(directory: Path) -> Engine | None:
    """An engine that is there already."""
    try:
        facts = json.loads((directory / "pjsua2" / BUILD_FILE).read_text())
        return Engine(directory, next(directory.glob("*.whl")), facts)
    except (OSError, ValueError, StopIteration):
        return None


def build(tarball: Path, source_sha256: str, target: Path, jobs: int) -> Engine:
    """Build into `target`, which is whole or absent afterwards.

    Raises:
        BuildError: the tarball is not a pjproject that we can build, or a step failed.
    """
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        headers = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
        raise BuildError(f"the headers of {sys.executable} are missing: install {headers}")
    work, log = target.with_name(target.name + ".part"), target.with_name(target.name + ".log")
    for left in target.parent.glob("*.part"):  # by builds that were killed
        shutil.rmtree(left, ignore_errors=True)
    work.mkdir(parents=True)
    log.write_text("")
    with step("unpacking"):
        source = _unpack(tarball, work / "source")
    version = _version(source)
    correct(source)
    shutil.copyfile(CONFIG, source / "pjlib/include/pj/config_site.h")
    with step(f"configuring pjproject {version}"):
        command = ["./aconfigure", *CONFIGURE, f"CFLAGS={FLAGS}", f"CXXFLAGS={FLAGS}"]
        run(command, log=log, cwd=source)
    package = work / "pjsua2"
    package.mkdir()
    binding = source / "pjsip-apps/src/swig/python"
    with step("compiling the library and its binding"), ThreadPoolExecutor() as pool:
        binding_log = log.with_suffix(".binding.log")
        binding_log.write_text("")
        wrapper = pool.submit(_compile_binding, binding, binding_log)
        library = pool.submit(
            # -O3 on the command line: the makefiles append an -O2 of their own.
            lambda: run(["make", f"-j{jobs}", "lib", "CC_OPTIMIZE=-O3"], log=log, cwd=source)
        )
        library.result()
        wrapper.result()
    with step("linking"):
        extension = package / f"_pjsua2.{interpreter_tag()}.so"
        libraries = _flags(binding, "ldflags", "libs")
        objects = ["wrap.o", _OUR_OBJECT]
        run(["g++", "-shared", "-Wl,-O1,-s", "-o", extension, *objects, *libraries], log=log, cwd=binding)
        shutil.copyfile(binding / "pjsua2.py", package / "__init__.py")
    with step("trying it out"):
        facts = {**_probe(work), "pjproject": version, "source_sha256": source_sha256}
        (package / BUILD_FILE).write_text(json.dumps(facts, indent=2) + "\n")
    wheel = _write_wheel(work, version, source / "COPYING")
    shutil.rmtree(work / "source")
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)
    return Engine(target, target / wheel.name, facts)


def _unpack(tarball: Path, target: Path) -> Path:
    """The directory that has pjproject's version file."""
    try:
        with tarfile.open(tarball) as archive:
            archive.extractall(target, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise BuildError(f"{tarball} cannot be unpacked: {error}") from error
    found = sorted(target.glob("version.mak")) + sorted(target.glob("*/version.mak"))
    if not found:
        raise BuildError(f"{tarball} has no version.mak: it is no pjproject")
    source = found[0].parent
    for name in _TAKEN_OUT:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    return source


def _version(source: Path) -> str:
    text = (source / "version.mak").read_text()
    parts = dict(re.findall(r"^export PJ_VERSION_(MAJOR|MINOR|REV)\s*:=\s*(\d*)\s*$", text, re.M))
    major, minor, revision = (parts.get(name, "") for name in ("MAJOR", "MINOR", "REV"))
    if not major or not minor:
        raise BuildError("pjproject's version.mak does not tell its version")
    version = ".".join(part for part in (major, minor, revision) if part)
    if (int(major), int(minor)) < LEAST_VERSION:
        raise BuildError(
            f"pjproject {version} is too old: {'.'.join(map(str, LEAST_VERSION))} or later is needed"
        )
    return version


def _compile_binding(binding: Path, log: Path) -> None:
    """Compile ours, which takes a moment, and the binding."""
    ours = ["gcc", "-Wall", *_flags(binding, "cflags"), *FLAGS.split(), "-o", _OUR_OBJECT]
    run([*ours, "-c", OUR_SOURCE], log=log, cwd=binding)
    run(["make", "pjsua2_wrap.cpp", "GEN_DOC="], log=log, cwd=binding)
    include = f"-I{sysconfig.get_path('include')}"
    flags = [flag for flag in _flags(binding, "cflags") if not flag.startswith("-O")]
    command = ["g++", "-w", *flags, *BINDING_FLAGS.split(), include, "-c", "pjsua2_wrap.cpp", "-o", "wrap.o"]
    run(command, log=log, cwd=binding)


def _flags(binding: Path, *kinds: str) -> list[str]:
    """What pjproject's own makefiles would pass to the compiler or linker."""
    command = ["make", "--no-print-directory", "-C", str(binding), "-f", "helper.mak"]
    words = {kind: answer([*command, kind]).split() for kind in kinds}
    return [f"-l{word}" if kind == "libs" else word for kind in kinds for word in words[kind]]


def _probe(directory: Path) -> dict[str, object]:
    """Start the new stack once, in a process of its own, and ask it what it can."""
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    facts: dict[str, object] = json.loads(answer([sys.executable, PROBE, CONFIG], environment))
    return facts


def _write_wheel(work: Path, version: str, licence: Path) -> Path:
    """The package as a wheel that takes the stock wheel's place where it is installed. Source: PEP 427."""
    name = f"pjsua2_python-{version}+ivrcore"
    abi = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    info = f"{name}.dist-info"
    files = {f"pjsua2/{path.name}": path.read_bytes() for path in sorted((work / "pjsua2").iterdir())}
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: pjsua2-python\nVersion: {version}+ivrcore\n"
        "Summary: pjsua2 as ivrcore compiles it\nLicense: GPL-2.0-or-later\n"
    ).encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: ivrcore\nRoot-Is-Purelib: false\nTag: {abi}-{abi}-{platform}\n"
    ).encode()
    files[f"{info}/COPYING"] = licence.read_bytes()
    record = [f"{path},{_record_hash(content)},{len(content)}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = work / f"{name}-{abi}-{abi}-{platform}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def _record_hash(content: bytes) -> str:
    return "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
