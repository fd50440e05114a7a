"""`ez run`: hand in a job and wait for its results."""

from __future__ import annotations

from pathlib import Path

import click

from ezaigents.cli.options import complete_agent, json_option, number, seconds, whole

_KINDS = ("analyze", "edit", "test", "document", "review")


@click.command("run")
@click.argument("prompt")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option(
    "--agent",
    metavar="NAME",
    default="auto",
    shell_complete=complete_agent,
    help="Agent that does it; auto chooses one that can (`ez agents` lists them).",
)
@click.option("--kind", type=click.Choice(_KINDS), default="analyze", show_default=True, help="What is asked for.")
@click.option("--no-wait", is_flag=True, help="Hand in to the running fleet, and return at once.")
@click.option(
    "--on-interrupt",
    type=click.Choice(["keep", "cancel"]),
    help="What Ctrl-C does to the tasks, without asking.",
)
@click.option("--priority", metavar="0-9", type=whole(0, 9), default=5, show_default=True, help="0 is first, 9 last.")
@click.option("--delay", metavar="S", type=seconds(), default=0, help="Do not begin before this many seconds.")
@click.option("--deadline", metavar="S", type=seconds(0.001), help="Give up tasks not done in this many seconds.")
@click.option(
    "--max-attempts",
    metavar="N",
    type=whole(1, 1000),
    default=3,
    show_default=True,
    help="Attempts per task.",
)
@click.option("--key", metavar="K", default="", help="Idempotency key: the same job is handed in only once.")
@click.option("--budget", metavar="USD", type=number(0, 1_000_000), help="What the whole run may cost at most.")
@click.option("--check", metavar="CMD", help="Command that must succeed for the work to count as done.")
@click.option("--apply", is_flag=True, help="Put patches into the workspace as soon as they are made.")
@click.option("--record", is_flag=True, help="Keep what models answer, so that `ez replay` can run it again offline.")
@click.option("--yes", is_flag=True, help="Do not ask before a run that may cost more than `ask_above_usd`.")
@json_option
def command(
    prompt: str,
    paths: tuple[str, ...],
    agent: str,
    kind: str,
    no_wait: bool,
    on_interrupt: str | None,
    priority: int,
    delay: float,
    deadline: float | None,
    max_attempts: int,
    key: str,
    budget: float | None,
    check: str | None,
    apply: bool,
    record: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Hand in a job over files, and wait for its results.

    An agent with a model works on the job as one task, and hands back a report, and a patch where it changed files:
    `ez show --diff` shows it, `ez apply` puts it into the workspace, and --apply does so at once. The local analyst
    gets a task for each file.

    PROMPT says what is asked for; `-` reads it from standard input. PATHs are files and folders of the workspace,
    by default the folder you stand in; what .gitignore names is left out.

    Without a running fleet one is started for the job, and stopped afterwards.
    """
    import time

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.job import Manner, do_job
    from ezaigents.cli.prompt import prompt_from
    from ezaigents.client import Wish
    from ezaigents.records import TaskKind
    from ezaigents.workspace import resolve_inputs

    settings = settings_here()
    wish = Wish(
        prompt=prompt_from(prompt),
        paths=tuple(resolve_inputs(settings.workspace, Path.cwd(), paths or (".",), home=settings.home_path)),
        agent=agent,
        kind=TaskKind(kind),
        priority=priority,
        delay_ms=round(delay * 1000),
        deadline_ms=round((time.time() + deadline) * 1000) if deadline else 0,
        max_attempts=max_attempts,
        key=key,
        apply=apply,
        check=_check_command(check),
        budget_microusd=max(1, round(budget * 1_000_000)) if budget is not None else 0,
        record=record,
    )
    manner = Manner(wait=not no_wait, as_json=as_json, on_interrupt=on_interrupt or "", yes=yes)
    return do_job(settings, wish, manner)


def _check_command(line: str | None) -> tuple[str, ...]:
    from ezaigents.errors import InputError
    from ezaigents.sandbox import parse_command

    if line is None:
        return ()
    if not line.strip():
        raise InputError("--check", "is empty; name a command, such as --check 'make test', or leave it out")
    return tuple(parse_command(line))
