"""The errors of sip.

SipError
├── SipConfigError      a setting cannot work (codec, port, URI); the text says what to change
├── EngineLimitError    more legs, players or ports asked for than the engine was compiled for
└── LegStateError       our own bug: an order that the leg's state does not allow

How a call ends is no error: it is data, see sip.cause.
"""


class SipError(Exception):
    """Root of everything sip raises; its text is one line for a person."""


class SipConfigError(SipError, ValueError):
    """A setting cannot work; the text names it and says what to do."""


class EngineLimitError(SipError):
    """The engine was not compiled for that many."""


class LegStateError(SipError, RuntimeError):
    """An order that makes no sense in the leg's state: a bug of the caller, never the far end's doing."""
