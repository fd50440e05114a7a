"""The tool `run`: a command, and its result in words. Job: check and tell. Not its job: the sandbox it runs in."""

from __future__ import annotations

from ezaigents.agents.tools.arguments import BadCall, Run, decoded
from ezaigents.agents.tools.outcome import CommandResult, Commands, Outcome
from ezaigents.agents.tools.quoting import bounded, quoted, several_lines
from ezaigents.codec import printable

_ARGUMENTS_MOST = 1000
_ARGUMENT_MOST_BYTES = 64 * 1024
_OUTPUT_MOST_BYTES = 24 * 1024
_ESCAPED_MOST_BYTES = 48 * 1024
"""Escapes are longer than what they stand for."""
_NAMES_MOST = 50


def check_argv(arguments: Run) -> None:
    """Raise BadCall for what no program can be started with."""
    if not arguments.argv[0].strip() or any("\0" in one for one in arguments.argv):
        raise BadCall("argv: takes the program and its arguments, without NUL")
    size_bytes = sum(len(one.encode()) for one in arguments.argv)
    if len(arguments.argv) > _ARGUMENTS_MOST or size_bytes > _ARGUMENT_MOST_BYTES:
        raise BadCall(f"argv: takes at most {_ARGUMENTS_MOST:,} arguments of {_ARGUMENT_MOST_BYTES:,} bytes together")


def command_of(arguments: str) -> tuple[str, ...]:
    """The command that a call of `run` asks for; () where the call is wrong in itself, which using it says."""
    try:
        call = decoded(arguments, Run)
        check_argv(call)
    except BadCall:
        return ()
    return call.argv


async def run(commands: Commands, cwd: str, arguments: Run, limit_s: float) -> Outcome:
    """Run it in the folder `cwd` for at most `limit_s`. Raises what `Commands.run` raises."""
    timeout_s = min(arguments.timeout_s or limit_s, limit_s)
    result = await commands.run(arguments.argv, cwd=cwd, timeout_s=timeout_s)
    changed = (*result.changed, *result.new)
    return Outcome(text=_told(result), failed=result.exit_code != 0, changed=tuple(sorted(set(changed))))


def _told(result: CommandResult) -> str:
    code = "no exit code" if result.exit_code is None else f"exit code {result.exit_code}"
    names = [f"{word}: {_names(paths)}" for word, paths in (("changed", result.changed), ("new", result.new)) if paths]
    head = "  ".join([f"{code}, {printable(result.ended)}", *names])
    if not result.output:
        return f"{head}  no output"
    output = bounded(result.output.decode("utf-8", "replace"), _OUTPUT_MOST_BYTES)
    return f"{head}\n{quoted(bounded(several_lines(output), _ESCAPED_MOST_BYTES))}"


def _names(paths: tuple[str, ...]) -> str:
    shown = ", ".join(map(printable, paths[:_NAMES_MOST]))
    return f"{shown} and {len(paths) - _NAMES_MOST} more" if len(paths) > _NAMES_MOST else shown
