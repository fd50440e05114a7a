"""Looking at tasks, and steering them."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest
from tests.integration.cli.installed import Place, Terminal, read_until, wait_until
from tests.integration.cli.test_coordination import Crew
from tests.integration.runtime.fleets import hand_in

from ezaigents.client import Client
from ezaigents.settings import load_settings

pytestmark = pytest.mark.functional

_UNKNOWN = "0" * 18


def _run(place: Place, *options: str) -> tuple[str, list[str]]:
    result = place.json("run", *options, "x", "knots.py")
    return result["run"], [task["id"] for task in result["tasks"]]


def test_tasks_lists_a_run_in_its_order(shared: Place) -> None:
    """`ez tasks --run` shows the tasks of one run, as JSON with every field, or as a table."""
    run, ids = _run(shared)
    tasks = shared.json("tasks", "--run", run)["tasks"]
    assert [task["id"] for task in tasks] == ids
    assert {"state", "run", "error", "attempts", "accepted_ms", "ended_ms"} <= set(tasks[0])
    assert {(task["patch_state"], task["patch_error"]) for task in tasks} == {("none", "")}
    table = shared.ez("tasks", "--run", run).out
    assert all(task_id in table for task_id in ids)


def test_a_run_without_a_summary_has_its_order_too(shared: Place) -> None:
    """Tasks come in the order of submission whoever handed them in."""

    async def submit() -> list[str]:
        async with Client.connect(load_settings(environ=shared.environ, cwd=shared.workspace)) as client:
            return await hand_in(client.queue, client.place, 4)

    ids = asyncio.run(submit())
    run = shared.json("show", ids[0])["run"]
    assert [task["id"] for task in shared.json("tasks", "--run", run)["tasks"]] == ids
    shared.ez("cancel", *ids)


def test_the_patch_of_a_task_that_is_not_done_is_not_there_yet(shared: Place) -> None:
    """Only of a task that is done is it said that no file was changed."""
    waiting = shared.json("run", "--no-wait", "--delay", "3600", "x", "knots.py")
    task, run = waiting["tasks"][0]["id"], waiting["run"]
    for an_id, more in ((task, ""), (run, ", and so it is with 1 more")):
        assert shared.ez("show", "--diff", an_id).err == f"task {task} is delayed and has no patch{more}\n"
    shared.ez("cancel", run)
    assert "is cancelled and has no patch" in shared.ez("show", "--diff", task).err
    _, done = _run(shared)
    assert "no file was changed" in shared.ez("show", "--diff", done[0]).err


def test_an_apply_that_waits_says_for_what(place: Place) -> None:
    """Behind somebody's file leases it says once that it waits, and who can be asked; then it goes on."""
    crew = Crew(place)
    try:
        patch = crew.do(["insert", "notes.md", 1, "x"])
        holder = crew.hand_in(["lease", "*.md"], ["wait", "never opened"], agent="reader")
        wait_until(lambda: place.json("locks")["held"], "the lease is held")
        applying = place.begin("apply", patch)
        read_until(applying.stderr, f"task {patch} waits for files.*`ez locks`")
        place.ez("cancel", holder)
        out, err = applying.communicate(timeout=60)
        assert (applying.returncode, err) == (0, b"")
        assert b"applied, 1 file written" in out
    finally:
        crew.end()


def test_tasks_chooses_by_state_and_limit(shared: Place) -> None:
    """`--state` and `--limit` choose; the cut is mentioned, and only on stderr."""
    _run(shared)
    tasks = shared.json("tasks", "--state", "done", "--limit", "1")["tasks"]
    assert [task["state"] for task in tasks] == ["done"]
    done = shared.ez("tasks", "--limit", "1")
    assert len(done.out.splitlines()) == 2
    assert "and more" in done.err


def test_unknown_ids_are_told(shared: Place) -> None:
    """An id that nobody knows is an error that names it."""
    for command in ("show", "cancel", "retry", "events"):
        done = shared.ez(command, _UNKNOWN)
        assert done.code == 1
        assert _UNKNOWN in done.error


def test_show_a_task(shared: Place) -> None:
    """`ez show TASK` says where it stands, when, and where its report lies."""
    run, ids = _run(shared)
    shown = shared.json("show", ids[0])
    assert shown["id"] == ids[0]
    assert shown["run"] == run
    assert shown["started_ms"] <= shown["ended_ms"]
    out = shared.ez("show", ids[0]).out
    assert shown["report"] in out
    assert "accepted" in out


def test_show_a_run(shared: Place) -> None:
    """`ez show RUN` shows its counts, its prompt, and the results of a run that has ended."""
    run, ids = _run(shared)
    shown = shared.json("show", run)
    assert shown["run"] == run
    assert [task["id"] for task in shown["tasks"]] == ids
    assert shown["counts"] == {"total": 2, "open": 0, "done": 2, "dead": 0, "cancelled": 0, "skipped": 0}
    out = shared.ez("show", run).out
    assert "knotty" in out
    assert "Full report: " in out


def test_purged_tasks_and_runs_are_still_shown(place: Place) -> None:
    """After `ez purge` the engine has forgotten a run, and `ez show` reads it from the history."""
    place.up()
    run, ids = _run(place)
    before = place.json("show", ids[0])
    assert place.ez("purge").code == 2
    assert place.ez("purge", "--yes").code == 0
    assert place.json("tasks")["tasks"] == []
    assert place.json("show", ids[0]) == before
    assert [task["id"] for task in place.json("show", run)["tasks"]] == ids
    assert "knotty" in place.ez("show", run).out


def test_purge_spares_dead_tasks_and_open_runs(place: Place) -> None:
    """Dead tasks wait for an operator, and a run at work still needs its ended tasks."""
    place.up()
    assert place.ez("run", "--deadline", "0.001", "--delay", "1", "x", "knots.py").code == 1
    open_run = place.json("run", "--no-wait", "--delay", "3600", "x", "pkg", "notes.md")
    place.ez("cancel", open_run["tasks"][0]["id"])
    place.ez("purge", "--yes")
    queue = place.json("status")["queue"]
    assert (queue["dead"], queue["done"]) == (1, 0)
    assert (queue["cancelled"], queue["delayed"], queue["blocked"]) == (1, 1, 1)
    place.ez("purge", "--dead", "--yes")
    assert place.json("status")["queue"]["dead"] == 0


def test_purge_asks_on_a_terminal(place: Place) -> None:
    """Without `--yes` a person is asked, and no is the default."""
    place.up()
    _run(place)
    terminal = Terminal(place, "purge")
    terminal.wait_for("Forget 2 ended tasks?")
    terminal.type("\n")
    assert terminal.end() == 130
    assert len(place.json("tasks")["tasks"]) == 2


def test_cancel_and_retry_a_run(place: Place) -> None:
    """`ez cancel RUN` ends what is open; `ez retry RUN` takes it up again."""
    place.up()
    run = place.json("run", "--no-wait", "--delay", "3600", "x", "knots.py")["run"]
    done = place.ez("cancel", run)
    assert done.code == 0
    assert "2 cancelled" in done.err
    assert place.json("show", run)["counts"]["cancelled"] == 2
    assert "2 will be tried again" in place.ez("retry", run).err
    job = place.ez("show", run, "--json")
    assert json.loads(job.out)["counts"]["cancelled"] == 0


def test_events_tell_each_change_of_state(shared: Place) -> None:
    """`ez events RUN` shows what happened to its tasks, in order; as JSON one object a line."""
    run, ids = _run(shared)
    done = shared.ez("events", run, "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert {event["run"] for event in events} == {run}
    assert list(events[0]) == ["at_ms", "run", "task", "state"]
    assert [event["state"] for event in events if event["task"] == ids[0]][-1] == "done"
    assert f"task {ids[0]}" in shared.ez("events", run).out


def test_events_follow_until_the_reader_leaves(shared: Place) -> None:
    """`ez events --follow` goes on as things happen, and ends quietly with its reader."""
    follower = shared.begin("events", "--follow", "--json")
    run, _ = _run(shared)
    read_until(follower.stdout, f'"run":"{run}".*"state":"done"')
    assert follower.stdout is not None
    follower.stdout.close()
    _run(shared)
    assert follower.wait(timeout=30) == 0
    assert follower.stderr is not None
    assert follower.stderr.read() == b""
    follower.stderr.close()


def test_agents_say_why_they_cannot_work(shared: Place) -> None:
    """`ez agents` lists all six with what they can do and how they are, and a reason beside each that is not ready."""
    rows = shared.json("agents")["agents"]
    assert all(
        list(row) == ["name", "state", "slots", "busy", "health", "why", "capabilities", "kinds", "models", "simulated"]
        for row in rows
    )
    assert {row["health"] for row in rows} == {"healthy"}
    states = {row["name"]: row["state"] for row in rows}
    assert states["local"] == "ready"
    assert all(state.startswith("unavailable: ") for name, state in states.items() if name != "local")
    assert "unavailable" in shared.ez("agents").out


def test_completion_scripts_complete(shared: Place) -> None:
    """The bash script can be sourced, and completes commands and options."""
    script = (
        'eval "$(ez completion bash)"; COMP_WORDS=(ez st); COMP_CWORD=1; _ez_completion ez; echo "${COMPREPLY[@]}"; '
        'COMPREPLY=(); COMP_WORDS=(ez run --ag); COMP_CWORD=2; _ez_completion ez; echo "${COMPREPLY[@]}"'
    )
    folder = str(shared.command("x")[0]).rpartition("/")[0]
    path = {"PATH": f"{folder}:{shared.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", script], env=shared.environ | path, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode().split() == ["stop", "status", "--agent"]
    for shell in ("zsh", "fish"):
        assert "_EZ_COMPLETE" in shared.ez("completion", shell).out
