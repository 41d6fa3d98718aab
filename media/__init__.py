"""Audio arithmetic and audio files: no reactor, no SIP, no clock, no sockets, no logging.

Everything here works on mono linear PCM at 8000 Hz, int16, unless a name says otherwise.
"""
