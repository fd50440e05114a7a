"""The group of commands. Job: find a command by name and load only that one; usage errors as one line.

The words of `ez --help` stand here, so that showing them loads no command.
"""

from __future__ import annotations

import importlib
import os

import click

from ezaigents import __version__
from ezaigents.cli.talk import USAGE, say_error

COMMANDS = {
    "up": "Start a fleet here and keep it running.",
    "down": "Stop the fleet of this data folder.",
    "run": "Hand in a job over files, and wait for its results.",
    "tasks": "List tasks.",
    "show": "Show a task, its patch, or a run.",
    "apply": "Put the patches of tasks into the workspace.",
    "approve": "Let tasks do what they ask for.",
    "deny": "Deny tasks what they ask for.",
    "cancel": "Cancel tasks or runs.",
    "replay": "Run a recorded task again, offline.",
    "retry": "Have tasks or runs that did not succeed tried again.",
    "events": "Show what happens to tasks.",
    "msg": "Write to agents, and see what they write.",
    "notes": "Show and edit what agents noted down about the workspace.",
    "locks": "Show who holds which files.",
    "prices": "Show and set what models cost, and what was spent.",
    "problems": "Show what is stuck, why, and what to do.",
    "pause": "Let agents take no more tasks.",
    "resume": "Let paused agents take tasks again.",
    "stop": "Stop all work now, and lose nothing.",
    "status": "Show whether the fleet is ready, and what it holds.",
    "monitor": "Show what the fleet uses, as it goes on.",
    "agents": "List the agents and whether they can work.",
    "keys": "Show which providers have a key, and set one.",
    "doctor": "Check this machine and say what to do.",
    "fsck": "Check the task records, and mend their indexes.",
    "purge": "Forget ended tasks now.",
    "backup": "Back up the tasks and the data folder into one file.",
    "restore": "Restore a backup into an empty data folder.",
    "open": "Open the dashboard, or print a link to it.",
    "dashboard": "Serve the dashboard from a process of its own.",
    "token": "Give programs access to the HTTP API, and take it back.",
    "switch": "Show the optimisations, and turn them on or off.",
    "scorecard": "Measure what the optimisations are worth here.",
    "sim": "Serve simulated models, for trying things out and for tests.",
    "legacy": "Move over from the old Node.js system, and back.",
    "completion": "Print the completion script of a shell.",
}
COMPLETING = "_EZ_COMPLETE"
"""Set by the completion scripts, which ask us for words."""
_WORDS_MAX_BYTES = 600
_EPILOG = (
    "Exit codes: 0 ok, 1 a task failed, 2 usage, 3 not running or unreachable, 4 refused by a limit, 130 interrupted."
)


class _Lazy(click.Group):
    """Loads the module of a command when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ezaigents.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from ezaigents.policy import nearest_name

            hint = nearest_name(args[0], COMMANDS)
            raise click.UsageError(f"no command {args[0]!r}" + (f"; did you mean {hint!r}?" if hint else ""), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ez", message="%(prog)s %(version)s")
def group() -> None:
    """A durable team of coding agents in one small process."""


def invoke(arguments: list[str]) -> int:
    """Parse and run one command line; returns its exit code. Errors that are not about usage pass through."""
    if COMPLETING in os.environ:
        group.main(arguments, prog_name="ez", complete_var=COMPLETING)
    try:
        # Not group.main: it would turn a reader that has gone away into a failure.
        with group.make_context("ez", [*arguments] or ["--help"]) as context:
            result = group.invoke(context)
    except click.exceptions.Exit as leaving:
        result = leaving.exit_code
    except click.UsageError as error:
        say_error(_usage_line(error))
        return USAGE
    except click.Abort:
        raise KeyboardInterrupt from None
    if not arguments:
        return USAGE
    return result if isinstance(result, int) else 0


def _usage_line(error: click.UsageError) -> str:
    from ezaigents.codec import printable
    from ezaigents.policy import clip_bytes

    words = printable(error.format_message().strip().rstrip("."))
    words = (words[:1].lower() + words[1:]).replace(". Did you mean", "; did you mean")
    path = error.ctx.command_path if error.ctx is not None else "ez"
    return f"{clip_bytes(words, _WORDS_MAX_BYTES)}{' See' if words.endswith('?') else '; see'} `{path} --help`"
