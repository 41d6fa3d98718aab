"""benchmarks.dtmf_mitel: the sums of the tape's sheet, and that the detector keeps within its limits."""

import importlib
import sys
from pathlib import Path

from media.types import Pcm16

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
mitel = importlib.import_module("benchmarks.dtmf_mitel")


def always(count: int) -> object:
    def hears(_pcm: Pcm16) -> int:
        return count

    return hears


def test_bandwidth_is_both_sides_over_ten() -> None:
    """24 responses to either side are ±2.4 %: 48 / 10, and no offset of the centre."""
    assert mitel.bandwidth(always(24), "1", "low") == (4.8, 0.0)


def test_guard_time_of_all_bursts_is_ten_milliseconds() -> None:
    assert mitel.guard_time_ms(always(400)) == 10.0


def test_twist_counts_tenths() -> None:
    assert mitel.twist(always(80), "1", "high") == 8.0


def test_a_detector_that_misses_one_burst_has_no_least_ratio() -> None:
    assert mitel.least_ratio_db(always(999)) is None


def test_bandwidth_lies_between_what_standards_take_and_refuse() -> None:
    """Q.24 takes ±1.5 % (3.0) and refuses ±3.5 % (7.0)."""
    width, offset = mitel.bandwidth(mitel.detectors()["ours"], "5", "high")
    assert 3.0 < width < 7.0
    assert abs(offset) <= 0.1
