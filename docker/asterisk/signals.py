"""Write the known signals that the robots of this testbed speak.

    python docker/asterisk/signals.py DIRECTORY

Each signal is written twice, same samples: NAME.alaw (bare A-law, what Asterisk plays) and wav/NAME.wav
(A-law WAV, for tests to compare with; apart, since Asterisk would try it and refuses A-law in WAV). All are
whole 20 ms packets long.

    talk-0 .. talk-9   one party's talk each, made for looping (media.testsignal, seeds 700 to 709)
    announcement       special information tone, then talk of seed 710: a network's failure announcement
    music              three-voice chords, made for looping: colour ring music
    milliwatt          the digital milliwatt, 1 kHz at 0 dBm0 by definition

Left out: no clock and no chance; the same checkout writes the same bytes.
"""

import sys
from pathlib import Path

import numpy as np

# Run as a script from anywhere: the package lies two directories up.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from media.g711 import alaw_decode, alaw_encode
from media.testsignal import LEVEL_DBM0, talk
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import write_alaw

TALKS = 10
TALK_SEED = 700
TALK_S = 20.0
ANNOUNCEMENT_SEED = 710
ANNOUNCEMENT_S = 3.0

SIT_HZ = (950.0, 1400.0, 1800.0)
SIT_MS = 330
SIT_GAP_MS = 30
"""Special information tone: three tones of 330 ms with up to 30 ms between them (ITU-T E.180 / Q.35, 5.6)."""

CHORDS_HZ = ((262.0, 330.0, 392.0), (220.0, 262.0, 330.0), (175.0, 220.0, 262.0), (196.0, 247.0, 294.0))
"""C, a, F, G. All below 697 Hz: no DTMF receiver may find a key in the music."""
CHORD_MS = 1000

MILLIWATT = (0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4)
"""One period of 1 kHz at 0 dBm0 in A-law (ITU-T G.711, table 5)."""
MILLIWATT_S = 10


def main(directory: Path) -> None:
    """Write every signal into the directory, made if need be; existing files are replaced."""
    (directory / "wav").mkdir(parents=True, exist_ok=True)
    for name, pcm in signals().items():
        (directory / f"{name}.alaw").write_bytes(alaw_encode(pcm).tobytes())
        write_alaw(directory / "wav" / f"{name}.wav", pcm)


def signals() -> dict[str, Pcm16]:
    """Every signal by its name: mono int16 at 8000 Hz, whole 20 ms long."""
    found = {f"talk-{k}": talk(TALK_SEED + k, TALK_S) for k in range(TALKS)}
    found["announcement"] = announcement()
    found["music"] = music()
    found["milliwatt"] = alaw_decode(
        np.tile(np.array(MILLIWATT, np.uint8), MILLIWATT_S * SAMPLE_RATE_HZ // 8)
    )
    return found


def announcement() -> Pcm16:
    """The special information tone and one party's talk, filled up to a whole 20 ms."""
    gap = np.zeros(SIT_GAP_MS * SAMPLE_RATE_HZ // 1000)
    time_s = np.arange(SIT_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    tones = [part for hz in SIT_HZ for part in (np.sin(2.0 * np.pi * hz * time_s), gap)]
    # 3 x 360 ms and then 3 s: 4080 ms, 204 packets.
    return np.concatenate([_at_level(np.concatenate(tones)), talk(ANNOUNCEMENT_SEED, ANNOUNCEMENT_S)])


def music() -> Pcm16:
    """Four chords of a second each; each swells and dies within its second, so that the loop has no click."""
    time_s = np.arange(CHORD_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    swell = np.sin(np.pi * time_s / time_s[-1])
    chords = [swell * sum(np.sin(2.0 * np.pi * hz * time_s) for hz in chord) for chord in CHORDS_HZ]
    return _at_level(np.concatenate(chords))


def _at_level(wave: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Pcm16:
    """The wave as int16 at the mean level of the talks (a full-scale sine is +3.14 dBm0)."""
    rms = 32767.0 / np.sqrt(2.0) * 10.0 ** ((LEVEL_DBM0 - 3.14) / 20.0)
    pcm: Pcm16 = np.round(wave * rms / np.sqrt(np.mean(wave**2))).astype(np.int16)
    return pcm


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
