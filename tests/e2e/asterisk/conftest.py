"""The containerised Asterisk, built and started once a test run, on ports nobody else uses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.asterisk.testbed_client import TESTBED, Testbed

NO_ENGINE = 77
BUILD_DEADLINE_S = 900.0
REQUIRED = "IVRCORE_REQUIRE_ASTERISK"


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """A running testbed of this test run's own; skips by name where no container engine can run.

    IVRCORE_REQUIRE_ASTERISK=1 turns that skip into an error; IVRCORE_KEEP_STATE=1 keeps logs and recordings.
    """
    instance = f"pytest-{os.getpid()}"
    environment = {**os.environ, "IVRCORE_ASTERISK_INSTANCE": instance, "IVRCORE_PYTHON": sys.executable}
    up = subprocess.run(
        [str(TESTBED), "up", "--free-ports"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_DEADLINE_S,
    )
    if up.returncode == NO_ENGINE and os.environ.get(REQUIRED) != "1":
        pytest.skip(f"Asterisk testbed: {up.stderr.strip()}")
    # pytest.fail in a fixture counts as an error, not as a failure of the test.
    if up.returncode != 0:
        pytest.fail(f"testbed up exited with {up.returncode}:\n{up.stderr}")
    settings = dict(line.split("=", 1) for line in up.stdout.splitlines())
    try:
        yield Testbed(settings, environment, tmp_path_factory.mktemp("softphones"))
    finally:
        subprocess.run([str(TESTBED), "down"], env=environment, check=True)
        if not os.environ.get("IVRCORE_KEEP_STATE"):
            shutil.rmtree(Path(settings["IVRCORE_ASTERISK_STATE"]), ignore_errors=True)
