"""Which build of pjsua2 a process takes: the wheel of the environment, or one that `make engine` built.

Both stay installed side by side: ours lies in a cache outside the tree, and is put first on the module path
before pjsua2 is imported for the first time. Child processes (workers, softphones) inherit the choice with
the environment.

    <cache>/engine/<key>/pjsua2/        the package, as the wheel has it, with BUILD_FILE beside the extension
    <cache>/engine/<key>/*.whl          the same as a wheel
    <cache>/engine/current-<tag>        names the key that was built last for this interpreter
    <cache>/engine/sources/             tarballs that were fetched
"""

import os
import sys
import sysconfig
from collections.abc import Mapping, MutableSequence
from pathlib import Path

from sip.errors import SipConfigError

VARIABLE = "IVRCORE_ENGINE"
"""`stock` or unset: the wheel that is installed. `own`: what `make engine` built last. Else a path."""

BUILD_FILE = "ivrcore_engine.json"
"""What an engine of ours was compiled for, beside its extension."""


def engines_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Where engines are kept. Source: the XDG base directory specification."""
    cache = environment.get("XDG_CACHE_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    root = Path(cache) if cache and Path(cache).is_absolute() else Path.home() / ".cache"
    return root / "ivrcore" / "engine"


def interpreter_tag() -> str:
    """What an extension must be built for to be loaded here, such as `cpython-311-x86_64-linux-gnu`."""
    return str(sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag)


def current_link(engines: Path) -> Path:
    """The link to the engine that was built last for this interpreter."""
    return engines / f"current-{interpreter_tag()}"


def chosen_engine(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The directory to take pjsua2 from, None for the environment's wheel.

    Raises:
        SipConfigError: what the variable names is not there; the text says what to do.
    """
    choice = environment.get(VARIABLE, "")
    if choice in ("", "stock"):
        return None
    if choice == "own":
        directory = current_link(engines_dir(environment))
        if not directory.exists():
            raise SipConfigError(
                f"{VARIABLE}=own: no engine is built for {interpreter_tag()}: run 'make engine' first"
            )
        return directory.resolve()
    directory = Path(choice)
    if not any((directory / "pjsua2").glob(f"_pjsua2.{interpreter_tag()}.so")):
        raise SipConfigError(
            f"{VARIABLE}={choice}: neither 'stock' nor 'own' nor a directory with an engine for "
            f"{interpreter_tag()}"
        )
    return directory.resolve()


def prefer_chosen_engine(
    environment: Mapping[str, str] = os.environ, module_path: MutableSequence[str] = sys.path
) -> None:
    """Put the chosen engine first on the module path; to be called before pjsua2 is imported.

    Raises:
        SipConfigError: it is not there.
    """
    engine = chosen_engine(environment)
    if engine is not None and str(engine) not in module_path:
        module_path.insert(0, str(engine))
