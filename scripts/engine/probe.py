"""Starts the new stack in a process of its own, compares it with its config_site.h, and tells what it can.

python probe.py config_site.h        prints JSON; fails when a compiled limit is not the one asked for
"""

import ctypes
import json
import re
import sys
from pathlib import Path

import pjsua2 as pj


def main() -> None:
    """See above."""
    text = Path(sys.argv[1]).read_text()
    asked = {name: int(value) for name, value in re.findall(r"^#define\s+(\w+)\s+(\d+)\s*$", text, re.M)}
    extension = next(Path(pj.__file__).parent.glob("_pjsua2*.so"))
    library = ctypes.CDLL(str(extension))
    library.pj_log_set_level(0)
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    has = {
        "PJSUA_MAX_CALLS": library.pjsua_call_get_max_count(),
        "PJSUA_MAX_CONF_PORTS": library.pjsua_conf_get_max_ports(),
    }
    wrong = [f"{name} is {value}, not {asked[name]}" for name, value in has.items() if value != asked[name]]
    codecs = sorted({codec.codecId.split("/")[0].upper() for codec in endpoint.codecEnum2()})
    wrong += [f"codec {name} is missing" for name in ("PCMA", "PCMU", "G722", "OPUS") if name not in codecs]
    library.pj_ioqueue_name.restype = ctypes.c_char_p
    facts = {
        "calls": has["PJSUA_MAX_CALLS"],
        "conference_ports": has["PJSUA_MAX_CONF_PORTS"],
        "players": asked["PJSUA_MAX_PLAYERS"],
        "recorders": asked["PJSUA_MAX_RECORDERS"],
        "io_handles": asked["PJ_IOQUEUE_MAX_HANDLES"],
        "io_queue": library.pj_ioqueue_name().decode().partition("[")[0],
        "codecs": codecs,
    }
    if facts["io_queue"] != "epoll":
        wrong.append(f"the I/O queue is {facts['io_queue']}, not epoll")
    endpoint.libDestroy()
    if wrong:
        sys.exit("; ".join(wrong))
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
