"""The one way in which a test waits: it polls until a deadline, and says what it saw last when that passes."""

import time

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
# Tests say how long something takes on a machine that is not busy with others; a wait that succeeds costs nothing.
_BUSY = 3


def eventually(check, seconds, what):
    """Calls `check` until it returns something true, and returns that; fails with `what` long after `seconds`.

    An AssertionError or an OSError (a refused connection, say) that `check` raises counts as "not yet"; any other
    exception is a mistake in the test and ends the wait at once.
    """
    deadline = time.monotonic() + seconds * _BUSY
    pause = _FIRST_PAUSE
    while True:
        try:
            seen = check()
            if seen:
                return seen
            last = f"the check gave {seen!r}"
        except (AssertionError, OSError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last}")
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
