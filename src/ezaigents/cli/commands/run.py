"""`ez run`: hand in a job and wait for its results."""

from __future__ import annotations

from pathlib import Path

import click

from ezaigents.cli.options import complete_agent, json_option, not_yet, seconds, whole

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
@not_yet("--budget", "it makes no paid calls", metavar="USD")
@not_yet("--check", "it makes no edits to check", metavar="CMD")
@not_yet("--apply", "it makes no edits to apply")
@not_yet("--record", "it makes no model calls to record")
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
    as_json: bool,
) -> int:
    """Hand in a job over files, and wait for its results.

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
    chosen = _choose(agent, kind)
    wish = Wish(
        prompt=prompt_from(prompt),
        paths=tuple(resolve_inputs(settings.workspace, Path.cwd(), paths or (".",), home=settings.home_path)),
        agent=chosen,
        kind=TaskKind(kind),
        priority=priority,
        delay_ms=round(delay * 1000),
        deadline_ms=round((time.time() + deadline) * 1000) if deadline else 0,
        max_attempts=max_attempts,
        key=key,
    )
    return do_job(settings, wish, Manner(wait=not no_wait, as_json=as_json, on_interrupt=on_interrupt or ""))


def _choose(agent: str, kind: str) -> str:
    """The agent that does it. Only the analyst can work today, and it only analyzes."""
    from ezaigents.cli.talk import say
    from ezaigents.errors import InputError

    chosen = "local" if agent == "auto" else agent
    if chosen == "local" and kind != "analyze":
        raise InputError("kind", f"the local agent analyzes; it cannot {kind}, and this version has no agent that can")
    if agent == "auto":
        say("agent: local (auto; the only one that can work in this version)")
    return chosen
