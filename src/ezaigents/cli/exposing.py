"""`ez monitor --prometheus`: one look as text. Job: to read it and print it. Not its job: names of metrics (api)."""

from __future__ import annotations

import sys

from ezaigents import __version__
from ezaigents.api.exposition import exposition
from ezaigents.api.metrics import metrics_of
from ezaigents.cli.fleet import settings_here
from ezaigents.cli.monitoring import PATIENCE_S, lookers
from ezaigents.client import Client, figures
from ezaigents.monitor import Sampler


async def expose() -> None:
    """Print what `/metrics` tells, but for the process that answers. Raises NotRunning, EngineDown."""
    async with Client.connect(settings_here(), patience_s=PATIENCE_S) as client:
        known = await figures(client)
        sample = await Sampler(client, lookers(client)).look(known)
    sys.stdout.write(exposition(metrics_of(known, sample, None, __version__)).decode())
