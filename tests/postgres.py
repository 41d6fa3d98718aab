"""A PostgreSQL of our own for tests: made in a temporary directory, on loopback, gone afterwards.

    with shared() as cluster:
        url = cluster.create_database()

Whoever is root runs it as another user: PostgreSQL refuses to run as root. One cluster serves a process
(under xdist: a worker); databases in it are cheap. It is told to end when this process dies, however it dies.
"""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_SUPERUSER = "postgres"


class NoPostgresqlError(Exception):
    """There is no PostgreSQL on this machine, or it does not start; the text says which."""


def find_binaries() -> Path:
    """The directory of `initdb` and `postgres`, of the newest version there is."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")  # where Debian puts them
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    if newest is None:
        raise NoPostgresqlError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return newest.parent


class Cluster:
    """A running server. `stop` it."""

    def __init__(self) -> None:
        self._binaries = find_binaries()
        self._user = _unprivileged()
        self.home = Path(tempfile.mkdtemp(prefix="ivrcore-pg-"))
        self._n_databases = itertools.count(1)
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            if self._user is not None:
                os.chown(self.home, self._user.pw_uid, self._user.pw_gid)
            self._initialise()
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def server_pid(self) -> int:
        """Of the server; it has children."""
        assert self._server is not None
        return self._server.pid

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template1") -> str:
        """Make a database, perhaps as a copy of another; its name."""
        name = f"test_{next(self._n_databases)}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, also when somebody is connected to it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Carry out one statement as the superuser, outside of a transaction."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End the server and remove its directory. A second time does nothing."""
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGINT)  # "fast shutdown": connections are cut
            try:
                server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)  # "immediate": its children are told, unlike with SIGKILL
                server.wait(STOP_TIMEOUT_S)
        shutil.rmtree(self.home, ignore_errors=True)

    def _initialise(self) -> None:
        command = ["-D", str(self.home / "data"), "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8"]
        made = self._run("initdb", *command, "--locale=C.UTF-8", "--no-sync").wait()
        if made:
            raise NoPostgresqlError(f"initdb failed: {self._last_words()}")

    def _start(self) -> None:
        self.port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.home),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": "60",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._server = self._run("postgres", "-D", str(self.home / "data"), *options)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._server.poll() is not None:
                raise NoPostgresqlError(f"postgres ended at once: {self._last_words()}")
            if time.monotonic() > deadline:
                raise NoPostgresqlError(f"postgres does not answer: {self._last_words()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=2).close()
            return True
        return False

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # setpriv hands its process over to the program, and the kernel interrupts it when we die.
        command = ["setpriv", "--pdeathsig", "INT", str(self._binaries / program), *arguments]
        user = self._user
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                start_new_session=True,  # Control-C in the terminal is for pytest, which then stops us
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )

    def _last_words(self) -> str:
        with suppress(OSError):
            return (self.home / "log").read_text(errors="replace").strip()[-400:]
        return ""


_running: Cluster | None = None
_n_users = 0


@contextmanager
def shared() -> Iterator[Cluster]:
    """The cluster of this process: started for the first who asks, stopped after the last.

    Without PostgreSQL the test that asks is skipped, or fails where CI is set: there it is always installed.
    """
    global _running, _n_users
    if _running is None:
        try:
            _running = Cluster()
        except NoPostgresqlError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))
    _n_users += 1
    try:
        yield _running
    finally:
        _n_users -= 1
        if not _n_users:
            _running.stop()
            _running = None


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to run it as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (_SUPERUSER, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgresqlError("PostgreSQL does not run as root, and there is no other user")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
