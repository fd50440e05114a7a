"""How many tokens a request can have, before it is sent. Job: learn it from what was counted. Not its job: money.

No tokenizer: until a model has told how it counts, a token is taken for one byte, which no tokenizer in use exceeds.
"""

from __future__ import annotations

import math

import msgspec

LEARNED_AFTER = 3
MARGIN = 1.15
"""Above the densest request seen: other texts of the same task may be a little denser."""


class Density(msgspec.Struct, frozen=True):
    """What is known of one model: how many requests were counted, and the most tokens per byte among them."""

    seen: int = 0
    most: float = 0.0

    def after(self, size_bytes: int, tokens: int) -> Density:
        """With one more request; one without bytes says nothing."""
        if size_bytes <= 0 or tokens < 0:
            return self
        return Density(self.seen + 1, max(self.most, tokens / size_bytes))

    def bound(self, size_bytes: int) -> int:
        """The most input tokens that a request of so many UTF-8 bytes can have."""
        if self.seen < LEARNED_AFTER:
            return max(size_bytes, math.ceil(size_bytes * self.most))
        return math.ceil(size_bytes * self.most * MARGIN)


class InputRatio:
    """What is known of each model, by `provider:model`."""

    def __init__(self) -> None:
        self._known: dict[str, Density] = {}

    def learn(self, model: str, size_bytes: int, tokens: int) -> None:
        """A request of so many bytes was counted as so many input tokens, cached ones included."""
        self._known[model] = self._known.get(model, Density()).after(size_bytes, tokens)

    def bound(self, model: str, size_bytes: int) -> int:
        """The most input tokens that a request of so many UTF-8 bytes can have."""
        return self._known.get(model, Density()).bound(size_bytes)
