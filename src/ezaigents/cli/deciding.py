"""`ez approve` and `ez deny`. Job: decide for each task, and print what. Not its job: parsing (the two commands)."""

from __future__ import annotations

from collections.abc import Sequence

from ezaigents.cli.fleet import ask_fleet
from ezaigents.cli.show import show_line
from ezaigents.cli.talk import say
from ezaigents.client import Client, Decided, check_ids
from ezaigents.codec import printable
from ezaigents.records import Answer, Approval

_DONE = {Approval.APPROVE: "approved", Approval.DENY: "denied"}


def decide_and_tell(ids: Sequence[str], verdict: Approval, why: str = "") -> int:
    """Answer what tasks ask; returns the exit code."""
    checked = check_ids(ids)

    async def decide(client: Client) -> list[Decided]:
        if verdict is Approval.APPROVE:
            return await client.operator.approve(checked)
        return await client.operator.deny(checked, why)

    decided = ask_fleet(decide)
    for one in decided:
        if one.answer is Answer.OK:
            show_line(f"{_DONE[verdict]}: {one.task}: {printable(one.asks)}")
        elif one.answer is Answer.GONE:
            say(f"no task {one.task}; `ez problems` lists those that wait for you")
        elif one.asks:
            say(f"task {one.task} was answered otherwise first, or asks something else by now: `ez show {one.task}`")
        else:
            say(f"task {one.task} asks nothing; `ez problems` lists those that wait for you")
    return 0 if all(one.answer is Answer.OK for one in decided) else 1
