"""`python -m ivrcore` is the console script."""

from ivrcore.cli import main

main()
