"""Who is paused, in words. Job: the same line behind pause, resume and stop. Not its job: pausing (client)."""

from __future__ import annotations

from collections.abc import Sequence

from ezaigents.cli.show import show_json
from ezaigents.cli.talk import say
from ezaigents.codec import printable
from ezaigents.records import EVERYTHING


def show_paused(names: Sequence[str], *, as_json: bool) -> None:
    """Print who is paused now. `names`: agents, `*` = all of them."""
    if as_json:
        show_json({"paused": list(names)})
    elif not names:
        say("nothing is paused")
    elif EVERYTHING in names:
        say("everything is paused; tasks are accepted and wait; `ez resume` ends it")
    else:
        say(f"paused: {', '.join(printable(name) for name in names)}; `ez resume` ends it")
