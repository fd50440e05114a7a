"""Journal records as tests write them: short."""

from __future__ import annotations

from ezaigents.agents.model.journal import Answered, Asked, Did
from ezaigents.providers.transcript import Part, Reply, Stop, Text, ToolCall
from ezaigents.records import Usage


def asked(text: str = "do it", *marks: str) -> Asked:
    """Words for the model."""
    return Asked(1, text, marks)


def answered(step: int, *parts: Part | str, stop: Stop = Stop.TOOLS, tokens: int = 10, cost: int = 5) -> Answered:
    """An answer of the model; texts stand for themselves."""
    said = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    usage = Usage(input=tokens, output=1)
    reply = Reply(id=f"r{step}", route="openai:m", model="m", parts=said, stop=stop, usage=usage)
    return Answered(1, step, reply, cost)


def call(number: int, name: str = "read", arguments: str = '{"path":"a"}') -> ToolCall:
    """A tool that was asked for."""
    return ToolCall(id=f"c{number}", name=name, arguments=arguments)


def did(number: int, text: str = "content", *, changed: tuple[str, ...] = (), malformed: bool = False) -> Did:
    """What it answered."""
    return Did(at_ms=1, call=f"c{number}", text=text, changed=changed, malformed=malformed)
