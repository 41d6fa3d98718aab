"""Which build of pjsua2 is taken, and what is said when it is not there."""

from pathlib import Path

import pytest

from sip.endpoint import EngineLimits
from sip.engine_choice import (
    VARIABLE,
    chosen_engine,
    current_link,
    engines_dir,
    interpreter_tag,
    prefer_chosen_engine,
)
from sip.errors import SipConfigError


def an_engine(directory: Path, tag: str | None = None) -> Path:
    """A directory that looks as if `make engine` had left it."""
    package = directory / "pjsua2"
    package.mkdir(parents=True)
    (package / f"_pjsua2.{tag or interpreter_tag()}.so").touch()
    return directory


@pytest.mark.parametrize("choice", [{}, {VARIABLE: ""}, {VARIABLE: "stock"}])
def test_the_installed_wheel_is_taken_unless_another_is_asked_for(choice: dict[str, str]) -> None:
    assert chosen_engine(choice) is None
    path = ["a", "b"]
    prefer_chosen_engine(choice, path)
    assert path == ["a", "b"]


def test_own_engine_is_the_one_built_last_for_this_interpreter(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), VARIABLE: "own"}
    engine = an_engine(engines_dir(environment) / "5eed")
    current_link(engines_dir(environment)).symlink_to(engine.name)
    assert chosen_engine(environment) == engine.resolve()


def test_own_engine_that_was_never_built_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SipConfigError, match="run 'make engine' first") as error:
        chosen_engine({"XDG_CACHE_HOME": str(tmp_path), VARIABLE: "own"})
    assert interpreter_tag() in str(error.value)


def test_own_engine_whose_directory_was_deleted_counts_as_never_built(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), VARIABLE: "own"}
    engines_dir(environment).mkdir(parents=True)
    current_link(engines_dir(environment)).symlink_to("gone")
    with pytest.raises(SipConfigError, match="make engine"):
        chosen_engine(environment)


def test_engine_is_named_by_its_directory(tmp_path: Path) -> None:
    assert chosen_engine({VARIABLE: str(an_engine(tmp_path))}) == tmp_path.resolve()


def test_directory_without_an_engine_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SipConfigError) as error:
        chosen_engine({VARIABLE: str(tmp_path)})
    assert str(error.value).startswith(f"{VARIABLE}={tmp_path}: neither 'stock' nor 'own'")


def test_engine_of_another_interpreter_is_refused(tmp_path: Path) -> None:
    an_engine(tmp_path, tag="cpython-27-vax")
    with pytest.raises(SipConfigError, match="neither 'stock' nor 'own'"):
        chosen_engine({VARIABLE: str(tmp_path)})


def test_chosen_engine_comes_before_everything_else_once(tmp_path: Path) -> None:
    environment = {VARIABLE: str(an_engine(tmp_path))}
    path = ["a", "b"]
    prefer_chosen_engine(environment, path)
    prefer_chosen_engine(environment, path)
    assert path == [str(tmp_path.resolve()), "a", "b"]


def test_engines_lie_in_the_users_cache(tmp_path: Path) -> None:
    assert engines_dir({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "ivrcore" / "engine"
    assert engines_dir({}) == Path.home() / ".cache" / "ivrcore" / "engine"


def test_relative_cache_is_ignored_as_its_specification_wants() -> None:
    assert engines_dir({"XDG_CACHE_HOME": "cache"}) == engines_dir({})


def test_limits_are_told_in_one_line_with_the_build_and_what_encrypts() -> None:
    stock = str(EngineLimits("2.15.1", 4, 254))
    assert stock == (
        "pjsua2 2.15.1 (stock wheel), 4 legs at once at the most, 32 players, 32 recorders, "
        "254 conference ports, 64 I/O handles"
    )
    own = EngineLimits("2.17", 1024, 8192, 2048, 1024, 4096, build="own build", tls="OpenSSL 3.0.19")
    assert str(own).startswith("pjsua2 2.17 (own build, OpenSSL 3.0.19), 1024 legs at once at the most, ")
