"""Building the engine: what is refused in one line before a compiler starts, and what names a build."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.engine import __main__ as program
from scripts.engine import build, corrections, debian
from scripts.engine.steps import BuildError, NothingToBuildError, answer, run
from sip.engine_choice import BUILD_FILE

VERSION = "export PJ_VERSION_MAJOR  := {}\nexport PJ_VERSION_MINOR  := {}\nexport PJ_VERSION_REV    := {}\n"

Tarball = Callable[..., Path]


@pytest.fixture
def tarball(tmp_path: Path) -> Tarball:
    """Makes a tarball of these files."""

    def make(**files: str) -> Path:
        path = tmp_path / "pjproject.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"pjproject/{name.replace('__', '/').replace('_mak', '.mak')}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return path

    return make


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tarball_of(tmp_path: Path, source: str, digest: str) -> tuple[Path, str]:
    return program._tarball(tmp_path / "sources", source, digest, refresh=False)


# -- the source ---------------------------------------------------------------------------------------------


def test_tarball_with_the_right_hash_is_taken_from_where_it_lies(tmp_path: Path, tarball: Tarball) -> None:
    path = tarball(version_mak="x")
    assert tarball_of(tmp_path, str(path), sha256(path)) == (path, sha256(path))


def test_tarball_with_another_hash_is_refused_with_both(tmp_path: Path, tarball: Tarball) -> None:
    path = tarball(version_mak="x")
    with pytest.raises(BuildError) as error:
        tarball_of(tmp_path, str(path), "0" * 64)
    assert sha256(path) in str(error.value)
    assert "0" * 64 in str(error.value)


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "0" * 63])
def test_source_without_a_hash_is_refused(tmp_path: Path, tarball: Tarball, digest: str) -> None:
    with pytest.raises(BuildError, match="SOURCE needs SHA256="):
        tarball_of(tmp_path, str(tarball(version_mak="x")), digest)


def test_hash_without_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="belongs to a SOURCE"):
        tarball_of(tmp_path, "", "0" * 64)


def test_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="there is no file /nowhere/p"):
        tarball_of(tmp_path, "/nowhere/p", "0" * 64)


def test_url_is_fetched_once_and_kept_by_its_hash(tmp_path: Path, tarball: Tarball) -> None:
    path = tarball(version_mak="x")
    kept, digest = tarball_of(tmp_path, path.as_uri(), sha256(path))
    assert (kept.name, digest) == (sha256(path), sha256(path))
    path.unlink()
    assert tarball_of(tmp_path, path.as_uri(), digest) == (kept, digest)


def test_kept_tarball_that_was_damaged_is_fetched_again(tmp_path: Path, tarball: Tarball) -> None:
    path = tarball(version_mak="x")
    kept, digest = tarball_of(tmp_path, path.as_uri(), sha256(path))
    kept.write_bytes(b"damaged")
    assert sha256(tarball_of(tmp_path, path.as_uri(), digest)[0]) == digest


def test_url_with_another_content_is_refused_and_not_kept(tmp_path: Path, tarball: Tarball) -> None:
    with pytest.raises(BuildError, match="has SHA-256"):
        tarball_of(tmp_path, tarball(version_mak="x").as_uri(), "0" * 64)
    assert not (tmp_path / "sources" / ("0" * 64)).exists()


def test_url_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="neither a path nor an http"):
        tarball_of(tmp_path, "gopher://192.0.2.1/p", "0" * 64)


def test_url_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as error:
        tarball_of(tmp_path, "file:///nowhere/p.tar", "0" * 64)
    assert "\n" not in str(error.value)


# -- Debian's source ----------------------------------------------------------------------------------------


def test_pjproject_is_found_among_the_files_of_the_source_package() -> None:
    listing = (
        f"'http://mirror/a.orig-Xopus.tar.xz' a.orig-Xopus.tar.xz 22 SHA256:{'1' * 64}\n"
        f"'http://mirror/a%2b.orig-Xpjproject.tar.xz' a+.orig-Xpjproject.tar.xz 67 SHA256:{'2' * 64}\n"
        f"'http://mirror/a.orig.tar.xz' a.orig.tar.xz 62 SHA256:{'3' * 64}\n"
    )
    found = debian._COMPONENT.search(listing)
    assert found is not None
    assert found.groupdict() == {"uri": "http://mirror/a%2b.orig-Xpjproject.tar.xz", "sha256": "2" * 64}


def test_source_fetched_from_debian_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Path] = []

    def fetch(target: Path) -> str:
        fetched.append(target)
        target.write_bytes(b"pjproject")
        return sha256(target)

    monkeypatch.setattr(debian, "fetch_component", fetch)
    first = tarball_of(tmp_path, "", "")
    assert tarball_of(tmp_path, "", "") == first
    assert len(fetched) == 1
    program._tarball(tmp_path / "sources", "", "", refresh=True)
    assert len(fetched) == 2


def test_no_source_is_told_from_a_build_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["engine"])
    for error, status in ((NothingToBuildError("no mirror"), 77), (BuildError("no compiler"), 1)):

        def fetch(target: Path, error: BuildError = error) -> str:
            raise error

        monkeypatch.setattr(debian, "fetch_component", fetch)
        assert program.main() == status
        assert capsys.readouterr().err == f"engine: {error}\n"


# -- the build ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "version"), [((2, 16, ""), "2.16"), ((2, 17, 1), "2.17.1"), ((3, 0, ""), "3.0")]
)
def test_release_is_read_and_accepted(
    tmp_path: Path, tarball: Tarball, parts: tuple[object, ...], version: str
) -> None:
    path = tarball(version_mak=VERSION.format(*parts))
    assert build._version(build._unpack(path, tmp_path / "s")) == version


def test_release_before_2_16_is_refused_by_number(tmp_path: Path) -> None:
    (tmp_path / "version.mak").write_text(VERSION.format(2, 15, 1))
    with pytest.raises(BuildError, match=r"pjproject 2\.15\.1 is too old: 2\.16 or later is needed"):
        build._version(tmp_path)


def test_tarball_of_something_else_is_refused(tmp_path: Path, tarball: Tarball) -> None:
    with pytest.raises(BuildError, match="it is no pjproject"):
        build._unpack(tarball(README="hello"), tmp_path / "s")


def test_file_that_is_no_tarball_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.tar"
    path.write_bytes(b"no tarball")
    with pytest.raises(BuildError, match="cannot be unpacked"):
        build._unpack(path, tmp_path / "s")


def test_member_that_would_leave_the_directory_is_refused(tmp_path: Path, tarball: Tarball) -> None:
    with pytest.raises(BuildError, match="cannot be unpacked"):
        build._unpack(tarball(**{"../../evil": "x"}), tmp_path / "s")


def test_key_follows_source_and_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.key_of("1" * 64)
    assert build.key_of("1" * 64) == before
    assert build.key_of("2" * 64) != before
    config = tmp_path / "config_site.h"
    config.write_text(build.CONFIG.read_text().replace("1024", "512"))
    monkeypatch.setattr(build, "CONFIG", config)
    assert build.key_of("1" * 64) != before


@pytest.mark.parametrize("file", ["OUR_SOURCE", "OUR_HEADER"])
def test_key_follows_what_we_compile_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    before = build.key_of("1" * 64)
    changed = tmp_path / file
    changed.write_text(getattr(corrections, file).read_text() + "\n/* changed */\n")
    monkeypatch.setattr(corrections, file, changed)
    assert build.key_of("1" * 64) != before


def test_key_follows_what_we_change_in_pjproject(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.key_of("1" * 64)
    monkeypatch.setattr(corrections, "CORRECTIONS", corrections.CORRECTIONS[1:])
    assert build.key_of("1" * 64) != before


def test_half_an_engine_is_none(tmp_path: Path) -> None:
    assert build.load(tmp_path) is None
    (tmp_path / "pjsua2").mkdir()
    (tmp_path / "pjsua2" / BUILD_FILE).write_text("{")
    assert build.load(tmp_path) is None


def test_wheel_takes_the_place_of_the_stock_one(tmp_path: Path) -> None:
    package = tmp_path / "pjsua2"
    package.mkdir()
    (package / "__init__.py").write_text("answer = 42\n")
    licence = tmp_path / "COPYING"
    licence.write_text("the licence")
    wheel = build._write_wheel(tmp_path, "2.17", licence)
    target = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel],
        check=True,
    )
    assert (target / "pjsua2" / "__init__.py").read_text() == "answer = 42\n"
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("pjsua2_python-2.17+ivrcore.dist-info/METADATA").decode()
    assert "Name: pjsua2-python\nVersion: 2.17+ivrcore\n" in metadata


# -- programs -----------------------------------------------------------------------------------------------


def test_failed_program_is_one_line_and_shows_the_end_of_its_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.touch()
    with pytest.raises(BuildError) as error:
        run(["sh", "-c", "seq 100; exit 3"], log=log, cwd=tmp_path)
    assert str(error.value) == f"sh failed (3); its last words are above, the rest in {log}"
    assert capfd.readouterr().err.splitlines() == [str(number) for number in range(86, 101)]


def test_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no-such-program is not installed"):
        answer(["no-such-program"])
    with pytest.raises(BuildError, match="no-such-program is not installed"):
        run(["no-such-program"], log=tmp_path / "log", cwd=tmp_path)


def test_answer_of_a_failed_program_is_its_last_line() -> None:
    with pytest.raises(BuildError, match="sh failed: second"):
        answer(["sh", "-c", "echo first >&2; echo second >&2; exit 1"])
