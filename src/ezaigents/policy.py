"""Decisions as plain functions of (facts, now, policy): no I/O, no clock of their own.

Job: when to try again, who is a suspect, what order parents go in. Not its job: carrying any of it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

SUMMARY_MAX_BYTES = 512
ASKS_MAX_BYTES = 400
"""What a task asks a person fits into a few lines of a terminal, and is shown whole."""
PAYLOAD_MAX_BYTES = 1024
PROMPT_INLINE_MAX_BYTES = 1024
SUBMIT_BATCH = 100
"""Tasks in one call of the submit script: keeps one script under a few milliseconds."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Back-off with full jitter: a random time up to min(cap_s, base_s * 2**(attempt-1)).

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """

    base_s: float = 2.0
    cap_s: float = 600.0

    def delay_s(self, attempt: int, luck: float) -> float:
        """Seconds before attempt number `attempt + 1` (attempt counts from 1; luck is in [0, 1))."""
        return luck * min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 32))


class CrashPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a task that was under dying hosts becomes a suspect, and when it is dead.

    A suspect runs alone on its host; only a crash while alone counts towards `solo_crashes_to_die`, so the
    neighbours of a poison task never die of it.
    """

    crashes_to_suspect: int = 2
    solo_crashes_to_die: int = 3


def order_parents_first(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Order ids so that each comes after those of its parents that are in `parents` too; else keep the order.

    Raises ValueError naming the ids of one cycle (a self-dependency is a cycle of one). Iterative: 10,000 deep is fine.
    """
    ordered: list[str] = []
    done: set[str] = set()
    for root in parents:
        path: dict[str, None] = {}
        stack: list[tuple[str, Iterable[str]]] = []
        if root not in done:
            path[root] = None
            stack.append((root, iter(parents[root])))
        while stack:
            node, rest = stack[-1]
            for parent in rest:
                if parent in path:
                    ring = [*list(path)[list(path).index(parent) :], parent]
                    raise ValueError(" -> ".join(ring))
                if parent in parents and parent not in done:
                    path[parent] = None
                    stack.append((parent, iter(parents[parent])))
                    break
            else:
                stack.pop()
                del path[node]
                done.add(node)
                ordered.append(node)
    return ordered


def clip_bytes(text: str, limit: int) -> str:
    """Cut `text` so that its UTF-8 form has at most `limit` bytes, ending in an ellipsis where it was cut."""
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= limit:
        return raw.decode("utf-8")
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name`, or "" when none is close."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else ""


def clock_jumped(engine_ms_then: int, mono_s_then: float, engine_ms: int, mono_s: float, tolerance_s: float) -> bool:
    """Say whether the engine's clock and ours moved apart by more than `tolerance_s` since the last look.

    Reaping then waits one lease, so that a clock set forward does not take every task from its living holder.
    """
    return abs((engine_ms - engine_ms_then) / 1000 - (mono_s - mono_s_then)) > tolerance_s
