"""A process that outlives a killed scorecard: `python -m ezaigents.scorecard.guard DESCRIPTOR FOLDER`.

Job: wait until the scorecard has ended, however it ended, and leave nothing of it. A byte says that all is in order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Wait, and clear."""
    descriptor, folder = int(sys.argv[1]), Path(sys.argv[2])
    if not os.read(descriptor, 1):
        from ezaigents.scorecard.clearing import clear

        clear(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
