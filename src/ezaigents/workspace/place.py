"""Naming a workspace.

Job: the short hash by which lanes and hosts know a place. Not its job: whether it may be used.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PLACE_LENGTH = 10


def place_id(home_id: str, workspace: str | Path) -> str:
    """Hash a workspace as seen from one data folder: 10 lower-case hex characters.

    `home_id` names the data folder, so that two fleets on one engine never take each other's tasks.
    `workspace` is an absolute path, already resolved: two spellings of one folder are two places.
    """
    text = os.fsencode(home_id) + b"\0" + os.fsencode(workspace)
    return hashlib.sha256(text).hexdigest()[:PLACE_LENGTH]
