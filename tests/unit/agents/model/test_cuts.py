"""Long random tasks, cut at every record: the next attempt stands where this one stood, and what it sends is valid."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ezaigents.agents.model.conversation import Conversation, Situation
from ezaigents.agents.model.journal import (
    Answered,
    Asked,
    Began,
    Checked,
    Did,
    Ended,
    Folded,
    Meant,
    Record,
    Reopened,
)
from ezaigents.providers.transcript import Part, Reply, Role, Stop, Text, Thinking, ToolCall, ToolResult, Turn

_RECORDS = 60


class _Story:
    """A task as a loop would write it down, with answers, tools and checks by chance."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)
        self._calls = 0
        self.records: list[Record] = []
        self._talk = Conversation()
        self._put(Began(at_ms=1, attempt=1, follows={}), Asked(1, "go"))
        follow: dict[Situation, Callable[[], None]] = {
            Situation.TOOLS: self._use,
            Situation.ASK: self._answer,
            Situation.CUT: lambda: self._put(Asked(2, "go on")),
            Situation.EMPTY: lambda: self._put(Asked(2, "say something")),
            Situation.REFUSED: lambda: self._put(Began(at_ms=3, attempt=2, follows={})),
            Situation.SAID: self._end,
            Situation.FINISHED: self._end,
        }
        for _ in range(_RECORDS):
            follow[self._talk.situation()]()

    def _put(self, *records: Record) -> None:
        for record in records:
            self.records.append(record)
            self._talk.take(record)

    def _use(self) -> None:
        call = self._talk.pending[0]
        if self._luck.random() < 0.5:
            self._put(Meant(2, call.id))
        self._put(
            Did(
                at_ms=2,
                call=call.id,
                text=self._luck.choice(["short", "long" * 200]),
                malformed=self._luck.random() < 0.2,
                changed=("f",) if self._luck.random() < 0.2 else (),
                finish=("summary", "") if call.name == "finish" else None,
            )
        )

    def _answer(self) -> None:
        if self._luck.random() < 0.1:
            self._put(Folded(2, self._talk.foldable()))
        parts = tuple(self._part() for _ in range(self._luck.randrange(4)))
        stop = self._luck.choice([Stop.END, Stop.LENGTH, Stop.REFUSAL])
        reply = Reply(id="r", route="a:b", model="b", parts=parts, stop=stop)
        self._put(Answered(2, self._talk.steps + 1, reply))

    def _part(self) -> Part:
        self._calls += 1
        name = self._luck.choice(["read", "edit", "finish"])
        arguments = self._luck.choice(["{}", '{"a":"' + "z" * 500 + '"}'])
        call = ToolCall(id=f"c{self._calls}", name=name, arguments=arguments)
        parts: list[Part] = [Text("words"), Text(" "), Thinking(model="a:b", text="hm"), call]
        return self._luck.choice(parts)

    def _end(self) -> None:
        chance = self._luck.random()
        if chance < 0.4:
            self._put(Checked(2, ("t",), 1, "exited", "o", "mend it"))
        elif chance < 0.7:
            self._put(Ended(2, "s", True), Reopened(2, "again"))
        else:
            self._put(Checked(2, ("t",), 0, "exited", "o"), Ended(2, "s"), Reopened(2, "conflict"))


def _is_valid(turns: tuple[Turn, ...]) -> bool:
    """Roles take turns, the user begins, and each call is answered exactly once, in the next turn."""
    calls: list[str] = []
    for number, turn in enumerate(turns):
        if turn.role is not (Role.ASSISTANT if number % 2 else Role.USER) or not turn.parts:
            return False
        if turn.role is Role.USER and [p.call for p in turn.parts if isinstance(p, ToolResult)] != calls:
            return False
        calls = [part.id for part in turn.parts if isinstance(part, ToolCall)]
    return True


@pytest.mark.parametrize("seed", range(60))
def test_cut_anywhere_it_stands_where_it_stood(seed: int) -> None:
    """Whatever the last record was, whoever goes on from there goes on; a refusal alone is asked again."""
    records = _Story(seed).records
    for end in range(2, len(records) + 1):
        was, now = Conversation(records[:end]), Conversation(records[:end])
        now.take(Began(at_ms=9, attempt=9, follows={}))
        if was.situation() is not Situation.REFUSED:
            assert now.situation() is was.situation()
            assert now.turns() == was.turns()
        assert (now.pending, now.cost_microusd, now.steps) == (was.pending, was.cost_microusd, was.steps)
        if now.situation() is Situation.ASK:
            assert _is_valid(now.turns())
