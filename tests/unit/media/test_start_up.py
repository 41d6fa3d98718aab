"""What a process that has a leg loads: every call, softphone and worker starts with it."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import firwin

from media.dtmf.tables import HIGH_PASS


@pytest.mark.parametrize("module", ["sip.softphone", "ivrcore.app", "ivrcore.service.serve"])
def test_start_loads_no_scipy_and_no_matplotlib(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('scipy', 'matplotlib') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_front_end_loads_no_sip_stack() -> None:
    code = "import sys, ivrcore.service.serve; print('pjsua2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_our_high_pass_is_scipy_s() -> None:
    scipy_s = firwin(79, 565.0, window=("kaiser", 3.6), pass_zero=False, fs=8000)
    assert np.max(np.abs(HIGH_PASS - scipy_s)) < 1e-15
