"""What a call does: flows, the runner that carries them out, records, and the command line."""
