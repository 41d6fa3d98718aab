"""What a call does: flows, the runner that carries them out, records, and the command line."""

__version__ = "0.1.0"
