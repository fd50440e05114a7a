"""What needs a person, as that person meets it: `ez tasks`, `show`, `problems`, `approve`, `deny`, `run`."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Iterator

import pytest
from tests.integration.cli.installed import Place, wait_until
from tests.integration.cli.test_coordination import Crew
from tests.leaks import until

from ezaigents.cli.follow import End, follow
from ezaigents.cli.interrupt import Interrupts
from ezaigents.cli.progress import Lines
from ezaigents.client import Client

_ASKS: list[object] = ["need", "command", "make test --file 'a b'"]
_TEXT = "command: make test --file 'a b'"


@pytest.fixture
def crew(place: Place) -> Iterator[Crew]:
    """A living host; ended before the place looks what was left running."""
    crew = Crew(place)
    yield crew
    crew.end()


def _asking(crew: Crew, *steps: list[object]) -> str:
    """A task that waits for a person."""
    task_id = crew.hand_in(*steps)
    wait_until(lambda: crew.place.json("show", task_id)["asks"] != "", f"task {task_id} asks")
    return task_id


def _audited(place: Place) -> list[dict[str, str]]:
    lines = [line for path in sorted(place.home.glob("audit/*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_whoever_looks_is_told_what_is_asked_and_what_to_type(crew: Crew) -> None:
    """`ez tasks`, `ez show` and `ez problems` say what is asked, the latter two what to type; JSON has it too."""
    place = crew.place
    task_id = _asking(crew, _ASKS, ["write", "made.txt", "x\n"])
    assert "delayed (asks)" in place.ez("tasks").out
    assert f"asks: {_TEXT}" in place.ez("tasks").out
    shown = place.ez("show", task_id).out
    assert _TEXT in shown
    assert f"`ez approve {task_id}` or `ez deny {task_id}`" in shown
    problems = place.ez("problems")
    assert problems.code == 1
    assert f"needs-approval: task {task_id}" in problems.out
    assert f"`ez approve {task_id}`" in problems.out
    assert _TEXT in problems.out
    assert place.json("tasks")["tasks"][0]["asks"] == _TEXT


def test_an_approval_says_what_was_approved_and_the_task_ends(crew: Crew) -> None:
    """The exact text is printed and kept with who approved it; after it nothing is asked any more."""
    place = crew.place
    task_id = _asking(crew, _ASKS, ["write", "made.txt", "x\n"])
    done = place.ez("approve", task_id)
    assert (done.code, done.out) == (0, f"approved: {task_id}: {_TEXT}\n")
    wait_until(lambda: crew.state(task_id) == "done", "it is done")
    shown = place.json("show", task_id)
    assert (shown["asks"], list(shown["answers"].values())) == ("", ["approve"])
    assert f"approved by {getpass.getuser()}" in place.ez("show", task_id).out
    (record,) = _audited(place)
    assert (record["who"], record["outcome"], record["task"]) == (getpass.getuser(), "approve", task_id)
    assert record["what"].endswith(_TEXT)
    assert place.ez("problems").code == 0
    again = place.ez("approve", task_id)
    assert (again.code, again.out) == (1, "")
    assert "asks nothing" in again.err


def test_a_denial_gives_its_reason(crew: Crew) -> None:
    """The agent is told the words; they are shown and audited."""
    place = crew.place
    task_id = _asking(crew, _ASKS)
    done = place.ez("deny", task_id, "--why", "use tox")
    assert (done.code, done.out) == (0, f"denied: {task_id}: {_TEXT}\n")
    wait_until(lambda: crew.state(task_id) == "dead", "it has ended")
    shown = place.json("show", task_id)
    assert shown["error"] == "deny: use tox"
    assert "use tox" in place.ez("show", task_id).out
    assert _audited(place)[0]["what"].endswith("(use tox)")


def test_what_cannot_be_decided_leaves_with_1_and_the_rest_is_decided(crew: Crew) -> None:
    """An unknown task, one that asks nothing, and a word that is no id are each told; others go on."""
    place = crew.place
    asks, plain = _asking(crew, _ASKS), crew.do(["read", "notes.md"])
    done = place.ez("approve", "0" * 18, plain, asks)
    assert (done.code, done.out) == (1, f"approved: {asks}: {_TEXT}\n")
    assert f"no task {'0' * 18}" in done.err
    assert f"task {plain} asks nothing" in done.err
    assert place.ez("approve", "nonsense").code == 2
    assert place.ez("approve").code == 2


def test_whoever_waits_for_a_run_is_told_once(crew: Crew, capsys: pytest.CaptureFixture[str]) -> None:
    """Following a run says on stderr that a task waits for a person, what it asks and what to type; then goes on."""
    task_id = crew.hand_in(_ASKS)
    said: list[str] = []

    def is_told() -> bool:
        said.append(capsys.readouterr().err)
        return "ez approve" in "".join(said)

    async def story() -> End:
        async with Client.connect(crew.settings) as client:
            run_id = (await client.task(task_id)).run
            with Interrupts() as interrupts:
                following = asyncio.ensure_future(follow(client, run_id, Lines({}), interrupts))
                await until(is_told)
                await client.operator.approve([task_id])
                return await following

    assert asyncio.run(story()) is End.ENDED
    said.append(capsys.readouterr().err)
    text = "".join(said)
    assert text.count(f"task {task_id} asks: {_TEXT}") == 1
    assert f"`ez approve {task_id}` or `ez deny {task_id}`" in text


def test_fsck_looks_at_the_audit_log(crew: Crew) -> None:
    """An altered line is found and named; with the log as it was, everything agrees."""
    place = crew.place
    for _ in range(2):
        place.ez("deny", _asking(crew, _ASKS), "--why", "no")
    (path,) = place.home.glob("audit/*.jsonl")
    whole = path.read_bytes()
    assert place.ez("fsck").code == 0
    path.write_bytes(whole.replace(b'"deny"', b'"okay"', 1))
    found = place.ez("fsck")
    assert found.code == 1
    assert f"{path.name}:1: altered" in found.out
    path.write_bytes(whole)
    assert place.ez("fsck").code == 0
    assert path.stat().st_mode & 0o777 == 0o600
