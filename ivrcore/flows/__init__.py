"""Call flows: pure functions over events. No time, no I/O, no audio, no SIP."""
