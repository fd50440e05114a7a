"""`ez show`: a task or a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from pathlib import Path

    from ezaigents.records import Run, Task


_STEP_BYTES = 160


@click.command("show")
@click.argument("id", metavar="ID")
@click.option("--diff", is_flag=True, help="Print the patch, or those of all its tasks, as `git apply` takes them.")
@click.option("--steps", is_flag=True, help="Show what an agent with a model did: answers, tools, tries that failed.")
@json_option
def command(id: str, diff: bool, steps: bool, as_json: bool) -> int:  # noqa: A002 - the name of the argument
    """Show a task or a run; those that were purged too."""
    from ezaigents.cli.fleet import ask_fleet, settings_here
    from ezaigents.cli.show import show_json
    from ezaigents.client import check_ids, find, run_detail, task_detail

    if diff and as_json:
        raise click.UsageError("--diff prints patches as they are; it has no JSON")
    if diff and steps:
        raise click.UsageError("--diff and --steps are two questions; ask one after the other")
    an_id = check_ids([id])[0]
    run, tasks = ask_fleet(lambda client: find(client, an_id))
    home = settings_here().home_path
    if not diff and not steps:
        from ezaigents.client import with_costs

        tasks = with_costs(tasks, home)
    if diff:
        _show_diff(tasks, home)
    elif steps:
        _show_steps(tasks, home, as_json=as_json)
    elif as_json:
        show_json(task_detail(tasks[0], home) if run is None else run_detail(run, tasks, home))
    elif run is None:
        _show_task(tasks[0], home)
    else:
        _show_run(run, tasks, home)
    return 0


def _show_diff(tasks: list[Task], home: Path) -> None:
    from ezaigents.cli.patchview import show_patches
    from ezaigents.cli.talk import say

    # Of a task that is not done nobody can say yet, or any more, that it changed no file.
    undone = [task for task in tasks if task.state != "done" and not task.waits_for_answer]
    if undone and not any(task.patch for task in tasks):
        more = f", and so it is with {len(undone) - 1:,} more" if undone[1:] else ""
        say(f"task {undone[0].id} is {undone[0].state.value} and has no patch{more}")
    else:
        show_patches(tasks, home)


def _show_steps(tasks: list[Task], home: Path, *, as_json: bool) -> None:
    from ezaigents.cli.rows import clock
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say
    from ezaigents.client import step_rows
    from ezaigents.codec import printable
    from ezaigents.policy import clip_bytes

    rows = {task.id: step_rows(task, home) for task in tasks}
    if as_json:
        show_json({"tasks": [{"id": task_id, "steps": of_task} for task_id, of_task in rows.items()]})
        return
    columns = [Column("Time"), Column("Step", right=True), Column("What"), Column("Route"), Column("", text=True)]
    for task_id, of_task in rows.items():
        cells = [
            [
                clock(row.at_ms),
                str(row.step or ""),
                f"{row.what} failed" if row.failed else row.what,
                row.route,
                clip_bytes(printable(row.text), _STEP_BYTES),
            ]
            for row in of_task
        ]
        if cells:
            show_table(columns, cells, title=task_id if len(rows) > 1 else "")
        else:
            say(f"task {task_id} has no steps: no model was asked for it")


def _show_task(task: Task, home: Path) -> None:
    from ezaigents.cli.rows import approval_rows, lasted, model_rows, moment
    from ezaigents.cli.show import show_pairs
    from ezaigents.client import failed_tries
    from ezaigents.codec import counted, printable

    attempts = f"{task.attempts} of {task.max_attempts} failed" if task.attempts else ""
    show_pairs([
        ("task", task.id),
        ("run", task.run),
        ("state", task.state.value + (", cancelling" if task.cancel_requested and not task.state.terminal else "")),
        ("agent", f"{task.agent}, {task.kind.value}, priority {task.priority}"),
        ("path", printable(task.title)),
        *approval_rows(task),
        ("summary", printable(task.summary)),
        *model_rows(task),
        ("failed", ", ".join(f"{name} x{count}" for name, count in failed_tries(task, home).items())),
        ("error", printable(task.error)),
        ("report", str(home / task.report) if task.report else ""),
        ("patch", f"{home / task.patch}, {task.patch_state.value}" if task.patch else ""),
        ("conflict", printable(task.patch_error)),
        ("attempts", attempts),
        ("crashes", f"{counted(task.crashes, 'host')} died under it" if task.crashes else ""),
        ("holder", task.owner if task.state.value == "leased" else ""),
        ("waits for", f"{task.open_parents:,} of {len(task.parents):,} parents" if task.open_parents else ""),
        ("not before", moment(task.due_ms) if task.state.value == "delayed" and not task.waits_for_answer else ""),
        ("deadline", moment(task.deadline_ms)),
        ("key", printable(task.key)),
        ("accepted", moment(task.accepted_ms)),
        ("started", moment(task.started_ms)),
        ("ended", moment(task.ended_ms)),
        ("took", lasted(task.started_ms, task.ended_ms)),
    ])  # fmt: skip


def _show_run(run: Run, tasks: list[Task], home: Path) -> None:
    import msgspec

    from ezaigents.cli.results import show_results
    from ezaigents.cli.rows import moment
    from ezaigents.cli.show import show_line, show_pairs
    from ezaigents.client import counts_row
    from ezaigents.codec import printable
    from ezaigents.policy import clip_bytes

    counts = msgspec.structs.asdict(counts_row(run.counts))
    prompt = str(home / run.prompt_file) if run.prompt_file else clip_bytes(printable(run.prompt), 300)
    show_pairs([
        ("run", run.id),
        ("prompt", prompt),
        ("agent", f"{run.agent}, {run.kind.value}"),
        ("workspace", printable(run.workspace)),
        ("tasks", ", ".join(f"{number:,} {word}" for word, number in counts.items() if number)),
        ("accepted", moment(run.accepted_ms)),
    ])  # fmt: skip
    show_line()
    show_results(run, tasks, home)
