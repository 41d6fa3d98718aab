"""The errors of media.

MediaError
├── MediaFormatError   the audio is there, but one of its properties is not what is needed
├── MediaFileError     the file is missing, unreadable, unwritable, or no audio at all
└── SpeechError        a text could not be turned into speech
"""


class MediaError(Exception):
    """Root of everything media raises; its text is one line for a person."""


class MediaFormatError(MediaError, ValueError):
    """A property of the audio (dtype, shape, rate, encoding, channels, size) is wrong; the text names it."""


class MediaFileError(MediaError):
    """A file cannot be read or written, or holds no audio; the text names the file."""


class SpeechError(MediaError):
    """Text to speech failed or took too long; the text names the engine and the reason."""
