"""Every row of the numbering plan in docker/asterisk/README.md does what the row says."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import correlate

from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm
from tests.e2e.asterisk.testbed_client import CallReport, Testbed

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]

PACKET_SAMPLES = 160
CALLER = "5550100"
"""The softphone's own number, and so the id of a recording where the call names none."""

DTMF_HZ = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "0": (941, 1336)}
"""ITU-T Q.23, table 1."""

CALLS: dict[str, tuple[float, tuple[str, ...]]] = {
    # number: (seconds until the softphone hangs up, further arguments)
    "700000001": (2.0, ()),
    "700020001": (5.0, ()),
    "701000001": (2.0, ()),
    "702000001": (2.0, ()),
    "703000001": (2.5, ()),
    "704000001": (2.5, ()),
    "705000001": (8.0, ()),
    "705170001": (8.0, ()),
    "706000001": (3.5, ()),
    "707000001": (3.5, ()),
    "708000001": (2.0, ()),
    "710000001": (3.0, ()),
    "711000003": (3.0, ()),
    "711120001": (9.0, ()),
    "711030001": (9.0, ()),
    "711040001": (9.0, ()),
    "712000001": (3.0, ("--header", "X-Robot: signal=2")),
    "713000001": (3.0, ()),
    "714000001": (3.0, ()),
    "715200004": (4.0, ()),
    "716200004": (4.0, ()),
    "717200004": (4.0, ()),
    "718000001": (3.0, ()),
    "719200004": (4.0, ()),
    "720121590": (3.0, ()),
    "721081590": (3.0, ()),
    "722121590": (3.0, ()),
    "748600001": (3.0, ()),
    "760320001": (5.0, ()),
    "748800001": (3.0, ()),
    "742300001": (3.0, ()),
    "711000042": (6.0, ("--header", "X-Robot: hangup_s=1.5;signal=8;ring_s=0.5;id=chosen")),
    "711000043": (6.0, ("--header", "X-Robot: id=by-database")),
    "710000044": (
        6.0,
        ("--header", "X-Robot: keys=15;mode=inband;on_ms=40;off_ms=60;after_ms=500;say=signal"),
    ),
    "701000045": (6.0, ("--header", "X-Robot: answer=yes;ring_s=0.7;say=signal;hangup_s=1;release=31")),
    "711100046": (6.0, ("--header", "X-Robot: answer=no;sip=486")),
}
CAUSES = {
    1: 404,
    17: 486,
    18: 408,
    19: 480,
    20: 480,
    21: 403,
    22: 410,
    27: 502,
    28: 484,
    34: 503,
    38: 500,
    58: 488,
}
"""Q.850 cause to the SIP code that Asterisk makes of it."""


@pytest.fixture(scope="module")
def reports(testbed: Testbed) -> Iterator[dict[str, CallReport]]:
    """Every call of CALLS, placed some at a time, by the number dialled."""
    testbed.cli('database put robot 711000043 "hangup_s=2;signal=6;id=from-database"')
    with ThreadPoolExecutor(max_workers=8) as pool:
        placed = {
            n: pool.submit(testbed.call, n, *arguments, seconds=s) for n, (s, arguments) in CALLS.items()
        }
        yield {number: call.result() for number, call in placed.items()}


# --- never answers ------------------------------------------------------------------------------------------


def test_trying_robot_sends_100_and_nothing_else(reports: dict[str, CallReport]) -> None:
    assert reports["700000001"].codes == (100,)
    assert reports["700000001"].end_code == 487


def test_trying_robot_gives_up_with_480_after_its_seconds(reports: dict[str, CallReport]) -> None:
    report = reports["700020001"]
    assert report.codes == (100, 480)
    assert report.first(480).at_s == pytest.approx(2.0, abs=0.2)
    assert report.first(480).reason == "Q.850;cause=19"


def test_ringing_robot_rings_without_sdp_until_the_caller_gives_up(reports: dict[str, CallReport]) -> None:
    report = reports["701000001"]
    assert report.codes == (100, 180)
    assert not report.first(180).sdp


def test_mute_early_media_is_a_183_with_sdp_and_no_packet(reports: dict[str, CallReport]) -> None:
    report = reports["702000001"]
    assert report.codes == (100, 183)
    assert report.first(183).sdp
    assert report.packets_received == 0


def test_early_ring_tone_is_450_hz(reports: dict[str, CallReport]) -> None:
    report = reports["703000001"]
    assert report.codes == (100, 183)
    heard = read_pcm(report.heard)
    # The first second of the cadence is the tone: the middle half of it, clear of start-up.
    assert loudest_hz(heard[2000:6000]) == pytest.approx([450.0], abs=2.5)


def test_colour_ring_plays_the_music_from_its_start(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    report = reports["704000001"]
    assert report.codes == (100, 183)
    assert_hears(read_pcm(report.heard), testbed.signal("music")[: 2 * SAMPLE_RATE_HZ])


def test_announcement_is_heard_whole_before_the_call_fails(
    testbed: Testbed, reports: dict[str, CallReport]
) -> None:
    report = reports["705000001"]
    announcement = testbed.signal("announcement")
    assert report.codes == (100, 183, 480)
    assert report.first(480).at_s == pytest.approx(len(announcement) / SAMPLE_RATE_HZ, abs=0.2)
    assert_hears(read_pcm(report.heard), announcement[: 3 * SAMPLE_RATE_HZ])


def test_announcement_robot_fails_with_the_cause_in_its_number(reports: dict[str, CallReport]) -> None:
    report = reports["705170001"]
    assert report.codes == (100, 183, 486)
    assert report.first(486).reason == "Q.850;cause=17"


def test_early_media_can_follow_ringing(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    report = reports["706000001"]
    assert report.codes == (100, 180, 183)
    assert report.first(183).at_s - report.first(180).at_s == pytest.approx(1.0, abs=0.2)
    assert_hears(read_pcm(report.heard), testbed.signal("music")[: 2 * SAMPLE_RATE_HZ])


def test_early_media_can_begin_a_second_after_its_183(reports: dict[str, CallReport]) -> None:
    report = reports["707000001"]
    assert report.codes == (100, 183)
    # 3.5 s of call, the first second without a packet.
    assert report.packets_received == pytest.approx(125, abs=12)


def test_number_outside_the_plan_is_unallocated(reports: dict[str, CallReport]) -> None:
    report = reports["708000001"]
    assert report.codes == (100, 404)
    assert report.first(404).reason == "Q.850;cause=1"


# --- rejects ------------------------------------------------------------------------------------------------


def test_busy_robot_is_486_with_cause_17(reports: dict[str, CallReport]) -> None:
    report = reports["748600001"]
    assert report.codes == (100, 486)
    assert report.first(486).reason == "Q.850;cause=17"


def test_reject_after_ringing_comes_after_its_seconds(reports: dict[str, CallReport]) -> None:
    report = reports["760320001"]
    assert report.codes == (100, 180, 603)
    assert report.first(603).at_s == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(("number", "code"), [("748800001", 488), ("742300001", 423)])
def test_reject_sends_the_sip_code_in_its_number(
    reports: dict[str, CallReport], number: str, code: int
) -> None:
    assert reports[number].codes == (100, code)


def test_reject_by_cause_sends_the_cause_and_its_sip_code(testbed: Testbed) -> None:
    with ThreadPoolExecutor(max_workers=6) as pool:
        reports = dict(
            zip(CAUSES, pool.map(lambda cause: testbed.call(f"73{cause:03}0001"), CAUSES), strict=True)
        )
    got = {cause: (report.end_code, report.responses[-1].reason) for cause, report in reports.items()}
    assert got == {cause: (code, f"Q.850;cause={cause}") for cause, code in CAUSES.items()}


# --- answers ------------------------------------------------------------------------------------------------


def test_robot_answers_at_once_and_rings_first(reports: dict[str, CallReport]) -> None:
    report = reports["711000003"]
    assert report.codes == (100, 180, 200)
    assert report.first(200).at_s < 0.3


def test_robot_answers_after_its_seconds_and_hangs_up_after_its_seconds(
    reports: dict[str, CallReport],
) -> None:
    report = reports["711120001"]
    assert report.first(200).at_s == pytest.approx(1.0, abs=0.2)
    assert report.bye_at_s == pytest.approx(3.0, abs=0.2)
    assert report.bye_reason == "Q.850;cause=16"


@pytest.mark.parametrize(("number", "talk_s"), [("711030001", 3), ("711040001", 4)])
def test_hang_up_comes_so_many_seconds_after_the_answer(
    testbed: Testbed, reports: dict[str, CallReport], number: str, talk_s: int
) -> None:
    assert reports[number].bye_at_s == pytest.approx(talk_s, abs=0.2)
    said = testbed.recording(number, CALLER).said
    assert len(said) == pytest.approx(talk_s * SAMPLE_RATE_HZ, abs=2 * PACKET_SAMPLES)


def test_talking_robot_says_its_last_digits_signal_sample_for_sample(
    testbed: Testbed, reports: dict[str, CallReport]
) -> None:
    said = testbed.recording("711000003", CALLER).said
    assert len(said) == pytest.approx(3.0 * SAMPLE_RATE_HZ, abs=8 * PACKET_SAMPLES)
    assert_is_exactly(said, testbed.signal("talk-3"))
    assert_hears(read_pcm(reports["711000003"].heard), testbed.signal("talk-3")[: 2 * SAMPLE_RATE_HZ])


def test_robot_records_what_it_heard_sample_for_sample(
    testbed: Testbed, reports: dict[str, CallReport]
) -> None:
    assert reports["711000003"].codes[-1] == 200
    assert_is_exactly(testbed.recording("711000003", CALLER).heard, testbed.signal("talk-5"))


def test_silent_robot_sends_packets_of_silence(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    assert reports["710000001"].packets_received == pytest.approx(150, abs=8)
    assert not np.any(testbed.recording("710000001", CALLER).said)
    assert not np.any(np.abs(read_pcm(reports["710000001"].heard)) > 8)


def test_dead_line_answers_and_sends_no_packet(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    report = reports["714000001"]
    assert report.codes == (100, 180, 200)
    assert report.packets_received == 0
    assert_is_exactly(testbed.recording("714000001", CALLER).heard, testbed.signal("talk-5"))


def test_echo_returns_what_it_hears(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    assert reports["713000001"].codes[-1] == 200
    assert_is_exactly(testbed.recording("713000001", CALLER).said, testbed.signal("talk-5"))


def test_milliwatt_is_0_dbm0(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    assert reports["718000001"].codes[-1] == 200
    said = testbed.recording("718000001", CALLER).said[4000:20000]
    assert loudest_hz(said) == pytest.approx([1000.0], abs=1.0)
    assert level_dbm0(said) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("number", "progress", "early_packets"),
    [("715200004", 183, 100), ("716200004", 183, 100), ("717200004", 183, 0), ("719200004", None, 0)],
)
def test_early_media_is_followed_by_answer_and_signal(
    testbed: Testbed, reports: dict[str, CallReport], number: str, progress: int | None, early_packets: int
) -> None:
    report = reports[number]
    assert report.codes == ((100, progress, 200) if progress else (100, 200))
    assert report.first(200).at_s == pytest.approx(2.0, abs=0.2)
    # Two seconds of call after the answer.
    assert report.packets_received == pytest.approx(early_packets + 100, abs=12)
    assert_is_exactly(testbed.recording(number, CALLER).said, testbed.signal("talk-4"))


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "method"), [("720121590", "rfc4733"), ("722121590", "info")])
def test_keys_come_in_order_by_the_method_in_the_number(
    reports: dict[str, CallReport], number: str, method: str
) -> None:
    digits = reports[number].digits
    assert [(digit.digit, digit.method) for digit in digits] == [(d, method) for d in "1590"]
    # 120 ms on and 120 ms off; Asterisk adds a few ms of its own to each.
    gaps_s = np.diff([digit.at_s for digit in digits])
    assert gaps_s == pytest.approx([0.24] * 3, abs=0.05)


def test_info_carries_the_duration_in_the_number(reports: dict[str, CallReport]) -> None:
    assert [digit.duration_ms for digit in reports["722121590"].digits] == [120] * 4


def test_in_band_keys_are_exact_to_the_sample(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    assert reports["721081590"].digits == ()
    said = testbed.recording("721081590", CALLER).said
    assert_keys(said, "1590", on_ms=80, off_ms=80)
    # after_ms is a second where nothing else is said.
    assert np.flatnonzero(said)[0] == pytest.approx(SAMPLE_RATE_HZ, abs=4 * PACKET_SAMPLES)


# --- overrides ----------------------------------------------------------------------------------------------


def test_header_of_the_call_overrides_the_number(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    report = reports["711000042"]
    assert report.first(200).at_s == pytest.approx(0.5, abs=0.2)
    assert report.bye_at_s == pytest.approx(2.0, abs=0.2)
    assert_is_exactly(testbed.recording("711000042", "chosen").said, testbed.signal("talk-8"))


def test_database_overrides_the_number_and_the_header_overrides_both(
    testbed: Testbed, reports: dict[str, CallReport]
) -> None:
    assert reports["711000043"].bye_at_s == pytest.approx(2.0, abs=0.2)
    assert_is_exactly(testbed.recording("711000043", "bydatabase").said, testbed.signal("talk-6"))


def test_keys_can_precede_a_signal(testbed: Testbed, reports: dict[str, CallReport]) -> None:
    assert reports["710000044"].codes[-1] == 200
    said = testbed.recording("710000044", CALLER).said
    assert_keys(said, "15", on_ms=40, off_ms=60)
    assert_hears(said, testbed.signal("talk-4")[:SAMPLE_RATE_HZ])


def test_any_robot_can_be_told_to_answer_and_with_which_cause_to_release(
    reports: dict[str, CallReport],
) -> None:
    report = reports["701000045"]
    assert report.first(200).at_s == pytest.approx(0.7, abs=0.2)
    assert report.bye_at_s == pytest.approx(1.7, abs=0.2)
    assert report.bye_reason == "Q.850;cause=31"


def test_any_robot_can_be_told_to_reject(reports: dict[str, CallReport]) -> None:
    assert reports["711100046"].codes == (100, 180, 486)


# --- what tests measure with --------------------------------------------------------------------------------


def level_dbm0(pcm: Pcm16) -> float:
    """Mean level; a full-scale sine is +3.14 dBm0 (ITU-T G.711)."""
    return float(10.0 * np.log10(2.0 * np.mean(pcm.astype(np.float64) ** 2) / 32767.0**2) + 3.14)


def loudest_hz(pcm: Pcm16, count: int = 1) -> list[float]:
    """The strongest frequencies, rising; none is taken within 50 Hz of a stronger one."""
    padded_samples = 8 * SAMPLE_RATE_HZ
    power = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm)), padded_samples))
    hz = np.arange(len(power)) * SAMPLE_RATE_HZ / padded_samples
    found: list[float] = []
    for _ in range(count):
        found.append(float(hz[np.argmax(power)]))
        power[np.abs(hz - found[-1]) < 50.0] = 0.0
    return sorted(found)


def assert_is_exactly(pcm: Pcm16, signal: Pcm16) -> None:
    """Every sample is the signal's, after at most 60 ms of silence at the start."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 8)
    assert len(loud) > 0, "only silence"
    for lead in range(0, 4 * PACKET_SAMPLES, PACKET_SAMPLES):
        if lead <= loud[0] + PACKET_SAMPLES:
            rest = pcm[lead : lead + len(signal)]
            if np.array_equal(rest, signal[: len(rest)]):
                return
    raise AssertionError(f"not the signal; first sound at sample {loud[0]}")


def assert_hears(pcm: Pcm16, signal: Pcm16) -> None:
    """Most of the signal's quarter seconds are in it, in whichever place.

    Not the whole at once: the softphone's adaptive jitter buffer drops or repeats a frame now and then, and
    what follows is then shifted.
    """
    piece_samples = SAMPLE_RATE_HZ // 4
    pieces = [signal[n : n + piece_samples] for n in range(0, len(signal) - piece_samples + 1, piece_samples)]
    assert len(pcm) >= piece_samples, f"only {len(pcm)} samples"
    likenesses = [likeness(pcm.astype(np.float64), piece.astype(np.float64)) for piece in pieces]
    assert np.mean(np.array(likenesses) > 0.95) >= 0.7, f"likenesses {np.round(likenesses, 2)}"


def likeness(heard: npt.NDArray[np.float64], piece: npt.NDArray[np.float64]) -> float:
    """Normalised correlation of the piece with what was heard, at its best place; 1.0 is the same wave."""
    product = correlate(heard, piece, mode="valid", method="fft")
    energy = np.convolve(heard**2, np.ones(len(piece)), mode="valid")
    # A millionth of the piece's energy keeps silence from dividing by zero.
    scale = np.sqrt(np.maximum(energy, 1e-6 * np.sum(piece**2)) * np.sum(piece**2))
    return float(np.max(product / scale))


def assert_keys(pcm: Pcm16, keys: str, *, on_ms: int, off_ms: int) -> None:
    """The first sound is these keys, each on and off for so long, each tone between -12 and -8 dBm0."""
    per_ms = SAMPLE_RATE_HZ // 1000
    start = int(np.flatnonzero(pcm)[0])
    for n, key in enumerate(keys):
        begin = start + n * (on_ms + off_ms) * per_ms
        # A tone's first sample may be 0: a millisecond of room at both ends.
        on = pcm[begin + per_ms : begin + (on_ms - 1) * per_ms]
        off = pcm[begin + (on_ms + 1) * per_ms : begin + (on_ms + off_ms - 1) * per_ms]
        assert loudest_hz(on, 2) == pytest.approx(list(DTMF_HZ[key]), rel=0.01)
        # Two equal tones together are 3 dB above one.
        assert level_dbm0(on) - 3.0 == pytest.approx(-10.0, abs=2.0)
        assert not np.any(off)
