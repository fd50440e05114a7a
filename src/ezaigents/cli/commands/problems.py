"""`ez problems`: what is stuck, why, and what to do."""

from __future__ import annotations

import click

from ezaigents.cli.options import json_option


@click.command("problems")
@json_option
def command(as_json: bool) -> int:
    """Show what is stuck: who, why, and what to do about it.

    Leaves with 1 when there is a problem, 0 when all is well.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import show_json, show_line
    from ezaigents.cli.talk import say
    from ezaigents.codec import counted, printable

    problems = ask_fleet(lambda client: client.operator.problems())
    if as_json:
        show_json({"problems": problems})
    else:
        for problem in problems:
            show_line(f"{problem.kind}: {printable(problem.who)}")
            show_line(f"  why: {printable(problem.why)}")
            show_line(f"  do:  {printable(problem.advice)}")
        say(counted(len(problems), "problem") if problems else "no problems")
    return 1 if problems else 0
