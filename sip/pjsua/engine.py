"""What the pjsua2 build on this machine can do."""

import ctypes
from functools import cache
from pathlib import Path

import pjsua2 as pj

from sip.endpoint import EngineLimits
from sip.errors import SipError


def read_limits(endpoint: pj.Endpoint) -> EngineLimits:
    """The compiled limits of the loaded build; call after libInit.

    `uaConfig.maxCalls` is clipped in silence, so the numbers are asked of the library itself, whose
    symbols the extension module exports.

    Raises:
        SipError: the build does not export them.
    """
    library = native_library()
    try:
        calls = int(library.pjsua_call_get_max_count())
        ports = int(library.pjsua_conf_get_max_ports())
    except AttributeError as error:
        raise SipError(f"this pjsua2 build does not tell its limits: {error}") from error
    return EngineLimits(version=endpoint.libVersion().full, calls=calls, conference_ports=ports)


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
