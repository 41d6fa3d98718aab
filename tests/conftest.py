"""What all tests share: how Hypothesis behaves, here and in CI."""

import os

from hypothesis import HealthCheck, settings

# No deadline: machines are shared, and a slow example is not a wrong one.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
