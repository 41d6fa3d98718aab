"""A reactor of the test's own, for what needs real connections."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from ivrcore.service.notify.testing import OwnReactor


@pytest.fixture
def turning() -> Iterator[OwnReactor]:
    own = OwnReactor()
    yield own
    with suppress(TimeoutError):  # an aborted connection says so in the reactor's next turn
        own.until(lambda: not own.pending_calls, 0.5)
    left = own.pending_calls
    own.close()
    assert not left, f"timers left behind: {left}"
