"""The endpoint of tests/e2e/loopback/driver.py, whose freed RTP ports rest as long as the test says.

python -m tests.e2e.engine.rtp_driver SETTINGS QUARANTINE_S
"""

import logging
import sys

from sip.pjsua.rtp import set_quarantine
from tests.e2e.loopback import driver


def main() -> None:
    """See the module."""
    # That so few ports suffice for few legs is meant.
    logging.basicConfig(level=logging.ERROR)
    set_quarantine(float(sys.argv[2]))
    driver.main()


if __name__ == "__main__":
    main()
