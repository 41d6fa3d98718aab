"""Speech again and again, four at a time: none hangs, none is another's, nothing is left behind."""

import ctypes.util
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media import wav
from media.speech.espeak import EspeakEngine
from media.speech.voice import MANDARIN

pytestmark = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None and not os.environ.get("CI"),
    reason="libespeak-ng is not installed (Debian: espeak-ng)",
)

AT_ONCE = 4
TEXTS = ("请稍后", "再见", "一分钟", "您好", "转接中")


@pytest.mark.parametrize("n", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_syntheses_in_a_row_four_at_a_time_all_speak(
    n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = EspeakEngine(parallel=AT_ONCE)

    def speak(number: int) -> tuple[str, bytes]:
        # The process is new each time: nothing comes from a cache.
        text, target = TEXTS[number % len(TEXTS)], tmp_path / f"{number}.wav"
        engine.synthesize(text, MANDARIN, target)
        wav.validate(target)
        spoken = target.read_bytes()
        target.unlink()
        return text, spoken

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(speak, range(n), timeout=n * 2.0 + 60.0))
    assert len(results) == n
    assert len(set(results)) == len(TEXTS), "each text always sounds the same"
    assert len({spoken for _, spoken in results}) == len(TEXTS)
    assert list(tmp_path.iterdir()) == []
