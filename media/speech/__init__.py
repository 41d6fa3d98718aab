"""Text to speech: a text in, an A-law prompt out.

`voice` says what a caller chooses and what an engine must do, `espeak` is the engine that runs everywhere,
`cache` renders each text once. How numbers, dates and codes are to be read aloud is decided before a text
comes here.
"""
