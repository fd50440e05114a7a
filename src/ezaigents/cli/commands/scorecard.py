"""`ez scorecard`: what the optimisations are worth on this machine, measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option, whole

if TYPE_CHECKING:
    from ezaigents.scorecard import Kept


@click.command("scorecard")
@click.option("--quick", is_flag=True, help="Under two minutes: one fleet of each, no tab, no switch alone.")
@click.option("--check", is_flag=True, help="Only the plan's seven success metrics; exit code 1 where one is not met.")
@click.option("--again", is_flag=True, help="With --check: measure now, even where a scorecard is kept.")
@click.option("--show", is_flag=True, help="Show the newest scorecard that is kept; measure nothing.")
@click.option(
    "--prices", type=click.Path(path_type=Path), metavar="FILE", help="A table of instance prices of your own."
)
@click.option(
    "--agents", type=whole(1, 100_000), metavar="N", help="Size of the team whose cost is quoted. [default: 5]"
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write it there, not into the data folder.")
@json_option
def command(
    quick: bool,
    check: bool,
    again: bool,
    show: bool,
    prices: Path | None,
    agents: float | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Measure what the optimisations are worth here, before against after.

    Fleets with everything off and with everything on take turns at the same work, then each switch is turned off
    alone: some 14 minutes. They have data folders and simulated models of their own; a fleet of yours is not touched.
    Printed, and written down as JSON, Markdown and HTML; Ctrl-C ends it with what there is.
    """
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.scoring import kept_one, measured_one, show_boxes, show_card
    from ezaigents.cli.show import show_json
    from ezaigents.cli.talk import INTERRUPTED
    from ezaigents.scorecard import all_pass, read_prices

    if show and (quick or again or out):
        raise click.UsageError("--show measures nothing: leave out --quick, --again and --out")
    table = read_prices(prices)
    settings = settings_here()
    kept: Kept | None = None
    if show or (check and not quick and not again):
        kept = kept_one(settings, table, int(agents or 0), needed=show)
    is_kept = kept is not None
    if kept is None:
        kept = measured_one(settings, table, int(agents or 0), quick=quick, out=out)
    if as_json:
        show_json({"boxes": kept.card.boxes, "at": kept.card.at, "kept": is_kept} if check else kept)
    elif check:
        show_boxes(kept.card)
    else:
        show_card(kept.card)
    if check:
        return 0 if all_pass(kept.card.boxes) else 1
    return INTERRUPTED if "interrupted" in kept.card.partial and not is_kept else 0
