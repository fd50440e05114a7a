"""`ez stop --all`: the kill switch."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option


@click.command("stop")
@click.option("--all", "everything", is_flag=True, help="Needed: it says that all work is meant.")
@json_option
def command(everything: bool, as_json: bool) -> int:
    """Stop all work now, within 2 seconds, and lose nothing.

    Everything is paused, running tasks are handed back without spending an attempt, and a host that does not let go of
    its tasks in time is killed; another takes them back. `ez resume` goes on, `ez up` starts hosts that were killed.

    Leaves with 1 when a task still runs on a host that cannot be ended from here.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import show_json
    from ezaigents.cli.talk import say

    if not everything:
        raise click.UsageError("say `ez stop --all` to stop all work; `ez pause AGENT` pauses one agent")
    halted = ask_fleet(lambda client: client.operator.stop_all())
    if as_json:
        show_json(halted)
    else:
        say(f"stopped in {halted.took_s:.2f} s: {halted.handed_back:,} running tasks were handed back, none is lost")
        for name in halted.killed:
            say(f"host {name} did not let go of its tasks and was killed; `ez up` takes them back")
        for task_id in halted.orphaned:
            say(f"task {task_id} does not run: its host is dead; `ez up` takes it back")
        for task_id in halted.left:
            say(f"ez: task {task_id} still runs: its host cannot be ended from here; end it on its machine")
        say("everything is paused; `ez resume` goes on")
    return 1 if halted.left else 0
