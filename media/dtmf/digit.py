"""What the detector reports, and the keypad it reports about. Left out: how a digit is found."""

from dataclasses import dataclass, field
from typing import Final

ROWS_HZ: Final = (697.0, 770.0, 852.0, 941.0)
"""Low group (ITU-T Q.23 clause 3), one a row of the keypad."""

COLUMNS_HZ: Final = (1209.0, 1336.0, 1477.0, 1633.0)
"""High group (ITU-T Q.23 clause 3), one a column of the keypad."""

KEYS: Final = "123A456B789C*0#D"
"""The keypad row by row: the key of row r, column c is KEYS[4 * r + c]."""


@dataclass(frozen=True)
class DtmfOnset:
    """A key is being sent: reported as soon as that is certain, while the tone still sounds.

    Attributes:
        digit: one of 0-9 A-D * #; a secret, so no repr shows it.
        start_s: where the tone began, in seconds of the audio since the start or the last reset.
    """

    digit: str = field(repr=False)
    start_s: float


@dataclass(frozen=True)
class DtmfDigit:
    """A whole key press.

    Attributes:
        digit: one of 0-9 A-D * #; a secret, so no repr shows it.
        start_s: where the tone began, in seconds of the audio since the start or the last reset.
        end_s: where it ended, same origin; interruptions that were bridged are inside.
    """

    digit: str = field(repr=False)
    start_s: float
    end_s: float
