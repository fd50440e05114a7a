"""What a call costs. Job: tokens, and what of the input a provider's cache has seen. Not its job: prices.

A token is four bytes. A prefix counts as read when a request for the same model began with the same pieces before.
"""

from __future__ import annotations

import hashlib

from ezaigents.simulate.asked import Asked, Move, Spent
from ezaigents.simulate.bounded import Bounded

_BYTES_PER_TOKEN = 4
_PREFIXES_MOST = 200_000


def tokens(size_bytes: int) -> int:
    """Tokens of so many bytes; a part of one is one."""
    return -(-size_bytes // _BYTES_PER_TOKEN)


def output_bytes(move: Move) -> int:
    """Bytes of all that the model says."""
    calls = sum(len(call.name) + len(call.text().encode()) for call in move.calls)
    return len(move.thinking.encode()) + len(move.text.encode()) + calls


class PromptCache:
    """Remembers the prefixes of requests, by model; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._seen: Bounded[bytes, bool] = Bounded(_PREFIXES_MOST)

    def spend(self, asked: Asked, move: Move, step_tokens: int) -> Spent:
        """Count one call and remember its prefix. `step_tokens`: what was read counts in whole steps of these."""
        read_bytes, cacheable_bytes = self._look(asked)
        total = tokens(sum(map(len, asked.prefix)))
        read = min(tokens(read_bytes), total) // step_tokens * step_tokens
        write = min(tokens(cacheable_bytes), total) - read
        return Spent(
            fresh=total - read - write,
            cache_read=read,
            cache_write=write,
            output=max(1, tokens(output_bytes(move))),
            thinking=tokens(len(move.thinking.encode())),
        )

    def _look(self, asked: Asked) -> tuple[int, int]:
        """Bytes of the longest prefix seen before, and of all that may be kept."""
        read_bytes = size_bytes = 0
        so_far = hashlib.blake2b(asked.model.encode(), digest_size=16)
        for piece in asked.prefix[: asked.cacheable]:
            so_far.update(len(piece).to_bytes(8, "big") + piece)
            size_bytes += len(piece)
            mark = so_far.digest()
            if self._seen.get(mark):
                read_bytes = size_bytes
            self._seen.put(mark, True)
        return read_bytes, size_bytes
