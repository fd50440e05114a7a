"""Where the dashboard is reached. Job: the one that stands alone, else that of a host of this machine.

Not its job: how its address looks (api).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ezaigents.api import standing_site
from ezaigents.records import HostCard


def site_port(home: Path, hosts: Iterable[HostCard] = ()) -> int:
    """The port where it listens; 0 = there is none."""
    alone = standing_site(home)
    if alone is not None and alone.port:
        return alone.port
    node = os.uname().nodename
    return next((host.port for host in hosts if host.port and host.node == node), 0)
