"""What a call used at the least, whatever is said of it. Job: our own count of tokens from bytes. Not its job: prices.

A call is never free because its provider says nothing of its usage, or less than can be: the budget would not end it.
Text has about 4 bytes a token, code 3, and long runs of blanks up to 20 or so; so nothing honest is below a token for
32 bytes. What is below, or missing, is counted as a token for 3 bytes: rather too much than too little. Numbers that
are possible are taken as they are.
"""

from __future__ import annotations

import msgspec

from ezaigents.providers.transcript import Part, Reply, Text, Thinking, ToolCall
from ezaigents.records import Usage

COUNTED_BYTES = 3
"""Bytes that we count as one token."""
PLAUSIBLE_BYTES = 16
"""No tokenizer puts more bytes than this into a token, on the average of a whole request."""
_TOKENS_MOST = 10**9
"""More is no number of tokens, and would overflow what adds them up."""


def floor_usage(body_bytes: int, reply: Reply) -> Usage:
    """The usage to settle by. `body_bytes`: of the request as it was sent, which is more than its text."""
    output_bytes = sum(_weight(part) for part in reply.parts)
    said = reply.usage
    if said is None:
        return Usage(input=body_bytes // COUNTED_BYTES, output=output_bytes // COUNTED_BYTES)
    said = _sane(said)
    if said.input_total < body_bytes // PLAUSIBLE_BYTES:
        said = msgspec.structs.replace(said, input=body_bytes // COUNTED_BYTES - said.cache_read - said.cache_write)
    if said.output < output_bytes // PLAUSIBLE_BYTES:
        said = msgspec.structs.replace(said, output=output_bytes // COUNTED_BYTES)
    return said


def _weight(part: Part) -> int:
    """Bytes that the model wrote. What it thought is counted where it can be seen; `opaque` is not of its own words."""
    match part:
        case Text(text=text) | Thinking(text=text):
            return len(text.encode("utf-8", "surrogatepass"))
        case ToolCall(name=name, arguments=arguments):
            return len(name) + len(arguments.encode("utf-8", "surrogatepass"))
    return 0


def _sane(said: Usage) -> Usage:
    """No count below nothing, none that nobody can mean."""
    counts = {name: min(_TOKENS_MOST, max(0, getattr(said, name))) for name in Usage.__struct_fields__}
    return Usage(**counts)
