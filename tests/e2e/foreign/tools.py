"""The foreign programs these tests need, and what it means when one is missing."""

import os
import shutil

import pytest

PACKAGES = {"sipp": "sip-tester", "baresip": "baresip-core"}


def require(tool: str) -> str:
    """The path of a program; without it the test is skipped by name, and where all tests must run it fails.

    CI=true or IVRCORE_REQUIRE_ASTERISK=1 says that all tests must run.
    """
    found = shutil.which(tool)
    if found is not None:
        return found
    reason = f"{tool} is not installed (Debian package {PACKAGES[tool]}; scripts/setup installs it)"
    if os.environ.get("CI") == "true" or os.environ.get("IVRCORE_REQUIRE_ASTERISK") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
