"""Who guesses. Job: count what was wrong, over all strangers. Not its job: what is right (access)."""

from __future__ import annotations

import time
from collections import deque

GUESSES_MOST = 30
_WITHIN_S = 60.0


class Guesses:
    """The wrong tokens, sessions and codes that a site was shown; what is right is let in whatever their number."""

    def __init__(self) -> None:
        self._at_s: deque[float] = deque(maxlen=GUESSES_MOST)

    def add(self) -> bool:
        """Count a wrong one; False, and it is not counted, when there have been too many within a minute."""
        now_s = time.monotonic()
        if len(self._at_s) == GUESSES_MOST and now_s - self._at_s[0] < _WITHIN_S:
            return False
        self._at_s.append(now_s)
        return True
