"""What the pjsua2 build on this machine can do."""

import ctypes
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pjsua2 as pj

from sip.endpoint import EngineLimits
from sip.engine_choice import BUILD_FILE
from sip.errors import SipError

OWN_BUILD = "own build"


def read_limits(endpoint: pj.Endpoint) -> EngineLimits:
    """The compiled limits of the loaded build; call after libInit.

    `uaConfig.maxCalls` is clipped in silence, so the numbers are asked of the library itself, whose
    symbols the extension module exports. What the library does not tell, a build of ours has in a file
    beside it (scripts/engine); the stock wheel has pjproject's defaults.

    Raises:
        SipError: the build does not export them.
    """
    library = native_library()
    try:
        calls = int(library.pjsua_call_get_max_count())
        ports = int(library.pjsua_conf_get_max_ports())
    except AttributeError as error:
        raise SipError(f"this pjsua2 build does not tell its limits: {error}") from error
    told = EngineLimits(
        version=endpoint.libVersion().full, calls=calls, conference_ports=ports, tls=_tls_library(library)
    )
    own = _own_build()
    if own is None:
        return told
    return replace(
        told,
        players=own["players"],
        recorders=own["recorders"],
        io_handles=own["io_handles"],
        build=OWN_BUILD,
    )


def silence_log() -> None:
    """Keep the library from writing to standard output before its log is configured."""
    native_library().pj_log_set_level(0)


@cache
def native_library() -> ctypes.CDLL:
    """The C side of pjproject, for the few things the binding leaves out; calls into it release the GIL."""
    return ctypes.CDLL(str(_extension()))


def _extension() -> Path:
    # The wheel is a package that holds the extension; a plain build has it beside the module.
    found = sorted(Path(pj.__file__).parent.glob("_pjsua2*.so"))
    if not found:
        raise SipError(f"no native pjsua2 beside {pj.__file__}")
    return found[0]


def _own_build() -> dict[str, Any] | None:
    """What `make engine` wrote about its build, None for any other."""
    try:
        facts: dict[str, Any] = json.loads((Path(pj.__file__).parent / BUILD_FILE).read_text())
    except OSError:
        return None
    return facts


def _tls_library(library: ctypes.CDLL) -> str:
    """Such as `OpenSSL 3.0.15`; "" when the build does not lead to it."""
    try:
        tell = library.OpenSSL_version
    except AttributeError:
        return ""
    tell.restype = ctypes.c_char_p
    text: bytes = tell(0)
    return " ".join(text.decode(errors="replace").split()[:2])
