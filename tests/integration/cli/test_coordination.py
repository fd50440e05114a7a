"""Patches, messages, file leases, pause and problems as a user meets them: `ez` against a host of scripted agents."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.cli.installed import Place, Terminal, read_until, wait_until
from tests.integration.coordination.scripted import script
from tests.integration.runtime.fleets import hand_in

from ezaigents.client import Client
from ezaigents.records import AgentCard
from ezaigents.settings import Settings, load_settings

pytestmark = pytest.mark.functional

_ROOT = Path(__file__).parents[3]
_WAIT = "never opened"


class Crew:
    """A host of scripted agents on a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        command = [sys.executable, "-m", "tests.integration.cli.scripted_host", "writer", "reader"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT, env=place.environ)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"up\n"

    @property
    def settings(self) -> Settings:
        return load_settings(environ=self.place.environ, cwd=self.place.workspace)

    def hand_in(self, *steps: list[object], agent: str = "writer") -> str:
        """Submit a task of these steps; returns its id."""

        async def submit() -> str:
            async with Client.connect(self.settings) as client:
                return (await hand_in(client.queue, client.place, agent=agent, payload=script(*steps)))[0]

        return asyncio.run(submit())

    def do(self, *steps: list[object], agent: str = "writer") -> str:
        """The same, and wait until the task has ended well."""
        task_id = self.hand_in(*steps, agent=agent)
        wait_until(lambda: self.state(task_id) == "done", f"task {task_id} is done")
        return task_id

    def state(self, task_id: str) -> str:
        state: str = self.place.json("show", task_id)["state"]
        return state

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def crew(place: Place) -> Iterator[Crew]:
    """A living host; ended before the place looks what was left running."""
    crew = Crew(place)
    yield crew
    crew.end()


def test_a_patch_is_shown_and_applied(crew: Crew) -> None:
    """`ez show --diff` prints what `git apply` takes; `ez apply` does the same to the tree, once."""
    place = crew.place
    task_id = crew.do(
        ["insert", "notes.md", 1, "a line"], ["write", "new folder/ä.txt", "n\n"], ["delete", "pkg/plain.py"]
    )
    diff = place.ez("show", "--diff", task_id)
    assert diff.code == 0
    git = ["git", "-C", str(place.workspace), "apply", "--check", "-"]
    subprocess.run(git, input=diff.out.encode(), check=True, capture_output=True)
    assert (place.workspace / "notes.md").read_text() == "# Notes\n"
    done = place.ez("apply", task_id)
    assert (done.code, done.out) == (0, f"{task_id}: applied, 3 files written\n")
    assert (place.workspace / "notes.md").read_text() == "# Notes\na line\n"
    assert (place.workspace / "new folder" / "ä.txt").read_text() == "n\n"
    assert not (place.workspace / "pkg").exists()
    assert place.json("show", task_id)["patch"].endswith("patch.diff")
    again = place.ez("apply", task_id)
    assert again.code != 0
    assert "applied already" in again.error
    assert "applied" in place.ez("events", task_id).out


def test_a_patch_on_a_terminal_cannot_speak_to_it(crew: Crew) -> None:
    """What a changed file holds is shown, never obeyed."""
    task_id = crew.do(["write", "evil.txt", "\x1b]0;owned\x07\n"])
    terminal = Terminal(crew.place, "show", "--diff", task_id)
    assert terminal.end() == 0
    assert "\x1b]0;" not in terminal.screen
    assert "\\x1b]0;owned" in terminal.screen


def test_a_conflict_says_what_to_do_and_loses_nothing(crew: Crew) -> None:
    """The person's edit stays; merging keeps both, trying again makes the change on the file as it is."""
    place = crew.place
    place.write("long.txt", "".join(f"{number}\n" for number in range(20)))
    task_id = crew.do(["insert", "long.txt", 2, "theirs"])
    place.write("long.txt", "".join(f"{number}\n" for number in range(20)) + "mine\n")
    refused = place.ez("apply", task_id)
    assert refused.code == 1
    assert "conflict, nothing was changed" in refused.out
    assert f"ez apply --merge {task_id}" in refused.err
    assert "long.txt" in place.ez("show", task_id).out
    problems = place.ez("problems")
    assert problems.code == 1
    assert f"patch-conflict: the patch of task {task_id}" in problems.out
    merged = json.loads(place.ez("apply", "--merge", "--json", task_id).out)
    assert merged["applied"][0]["merged"] == ["long.txt"]
    lines = (place.workspace / "long.txt").read_text().splitlines()
    assert (lines[2], lines[-1]) == ("theirs", "mine")
    assert place.json("show", task_id)["state"] == "done"
    assert place.ez("problems").code == 0


def test_what_has_no_patch_is_not_applied(crew: Crew) -> None:
    """One line that says why, and what else there is."""
    task_id = crew.do(["read", "notes.md"])
    assert "changed no files" in crew.place.ez("apply", task_id).error
    assert "no patch" in crew.place.ez("show", "--diff", task_id).err
    assert crew.place.ez("apply", "0" * 18).code == 1
    assert crew.place.ez("apply", "nonsense").code == 2


def test_a_user_and_an_agent_write_to_each_other(crew: Crew) -> None:
    """The conversation shows both, follows what comes, and refuses an address nobody has."""
    place = crew.place
    sent = place.ez("msg", "writer", "use tabs")
    assert (sent.code, sent.out) == (0, "")
    assert "writer" in sent.err
    following = place.begin("msg", "--follow")
    read_until(following.stdout, "user to writer: use tabs")
    crew.do(["take"], ["send", "user", "tabs it is"])
    read_until(following.stdout, r"writer \(task \w+\) to user: tabs it is")
    following.send_signal(signal.SIGINT)
    assert following.wait(20) == 130
    for stream in (following.stdout, following.stderr):
        if stream is not None:
            stream.close()
    rows = [json.loads(line) for line in place.ez("msg", "user", "--json").out.splitlines()]
    assert [(row["sender"], row["data"]) for row in rows] == [("user", "use tabs"), ("writer", "tabs it is")]
    assert place.ez("msg", "reader").out == ""
    assert "did you mean 'writer'" in place.ez("msg", "writre", "x").error
    assert place.feed(b"from a file\n", "msg", "+edits", "-").code == 0
    assert "from a file" in place.ez("msg", "reader").out
    assert place.ez("msg", "writer", "x" * 70_000).code == 2


def test_an_address_shows_the_messages_of_all_it_stands_for(crew: Crew) -> None:
    """Those to or from any of them, and no others."""
    place = crew.place
    for to, text in (("writer", "one"), ("reader", "two"), ("user", "to myself")):
        assert place.ez("msg", to, text).code == 0
    for address in ("all", "+edits"):
        rows = [json.loads(line) for line in place.ez("msg", address, "--json").out.splitlines()]
        assert [row["data"] for row in rows] == ["one", "two"]


def test_a_full_mailbox_keeps_a_letter_from_nobody_else(crew: Crew) -> None:
    """The error names who has it and who has not, so that nobody is written to twice."""
    place = crew.place
    assert place.ez("msg", "writer", "first").code == 0
    refused = place.ez("msg", "all", "second", EZ_MAILBOX_MOST="1")
    assert refused.code == 4
    assert "the mailbox of writer is full" in refused.error
    assert "not sent to writer; sent to reader" in refused.error
    assert "second" in place.ez("msg", "reader").out
    assert "second" not in place.ez("msg", "writer").out


def test_who_follows_sees_agents_that_come_later(crew: Crew) -> None:
    """A mailbox nobody knew of at the start is read when mail comes to it."""
    place = crew.place
    assert place.ez("msg", "writer", "early").code == 0
    following = place.begin("msg", "--follow")
    read_until(following.stdout, "user to writer: early")

    async def announce() -> None:
        async with Client.connect(crew.settings) as client:
            (host,) = await client.hosts()
            card = msgspec.structs.replace(host, name="far", node="elsewhere", agents=(AgentCard(name="newcomer"),))
            await client.team.registry.announce(card)

    asyncio.run(announce())
    assert place.ez("msg", "newcomer", "welcome").code == 0
    read_until(following.stdout, "user to newcomer: welcome")
    following.send_signal(signal.SIGINT)
    assert following.wait(20) == 130
    for stream in (following.stdout, following.stderr):
        if stream is not None:
            stream.close()


def test_file_leases_are_shown_and_waited_for(crew: Crew) -> None:
    """`ez locks` names who holds what; an apply that cannot get its files says who has them."""
    place = crew.place
    patch = crew.do(["insert", "notes.md", 1, "x"])
    holder = crew.hand_in(["lease", "*.md"], ["wait", _WAIT], agent="reader")
    wait_until(lambda: place.json("locks")["held"], "the lease is held")
    held = place.json("locks")["held"][0]
    assert (held["pattern"], held["task"], held["verb"]) == ("*.md", holder, "task")
    assert "*.md" in place.ez("locks").out
    busy = place.ez("apply", patch, EZ_LOCK_WAIT_S="0")
    assert busy.code == 3
    assert holder in busy.error
    place.ez("cancel", holder)
    wait_until(lambda: crew.state(holder) == "cancelled", "the holder has ended")
    assert place.ez("apply", patch).code == 0
    assert "no file leases" in place.ez("locks").err


def test_pause_resume_and_the_kill_switch(crew: Crew) -> None:
    """Each says what it did; nothing is lost."""
    place = crew.place
    assert "paused: writer" in place.ez("pause", "writer").err
    waiting = crew.hand_in(["read", "notes.md"])
    states = {row["name"]: (row["state"], row["health"]) for row in place.json("agents")["agents"]}
    assert states == {"reader": ("ready", "healthy"), "writer": ("paused", "paused")}
    assert json.loads(place.ez("resume", "--json").out) == {"paused": []}
    wait_until(lambda: crew.state(waiting) == "done", "it goes on")
    running = [crew.hand_in(["wait", _WAIT]) for _ in range(3)]
    wait_until(lambda: {crew.state(one) for one in running} == {"leased"}, "they run")
    assert place.ez("stop").code == 2
    halted = json.loads(place.ez("stop", "--all", "--json").out)
    assert (halted["handed_back"], halted["killed"], halted["left"]) == (3, [], [])
    assert {crew.state(one) for one in running} == {"ready"}
    assert place.json("problems") == {"problems": []}
    place.ez("cancel", *running)
    assert place.ez("resume").code == 0


def test_a_frozen_host_is_killed_by_the_kill_switch(crew: Crew) -> None:
    """It is named, and so is what brings its tasks back; its agents are then shown as gone."""
    place = crew.place
    running = crew.hand_in(["wait", _WAIT])
    wait_until(lambda: crew.state(running) == "leased", "it runs")
    crew.process.send_signal(signal.SIGSTOP)
    stopped = place.ez("stop", "--all")
    assert stopped.code == 0
    assert "host main did not let go" in stopped.err
    assert crew.process.wait(20) == -signal.SIGKILL
    again = place.ez("stop", "--all")
    assert again.code == 0, "a task of a dead host runs nowhere"
    assert f"task {running} does not run: its host is dead; `ez up` takes it back" in again.err
    assert "still runs" not in again.err
    agents = place.ez("agents", "--json")
    assert agents.code == 3
    assert {row["health"] for row in json.loads(agents.out)["agents"]} == {"gone"}
    problems = place.ez("problems")
    assert "host-gone" in problems.out
    assert place.ez("resume").code == 0


def test_problems_are_empty_where_all_is_well(crew: Crew) -> None:
    """Exit code 0, and nothing on stdout for a script to trip over."""
    crew.do(["read", "notes.md"])
    done = crew.place.ez("problems")
    assert (done.code, done.out, done.err) == (0, "", "no problems\n")


def test_an_agent_that_reads_nothing_is_said_to(place: Place) -> None:
    """The analyst takes no messages: whoever writes to it is told, instead of waiting for an answer."""
    place.up()
    assert "local: does not read messages" in place.ez("msg", "local", "hello").err
    assert "user to local: hello" in place.ez("msg").out
