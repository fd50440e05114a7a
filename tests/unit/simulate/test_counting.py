"""What a call costs, what the cache has seen, and what is left of a minute."""

from __future__ import annotations

from tests.unit.simulate.asked import CLAUDE, asked, read_chat, read_claude, read_gpt

from ezaigents.clock import ManualClock
from ezaigents.simulate.allowance import REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE, Allowances
from ezaigents.simulate.asked import Move
from ezaigents.simulate.bounded import Bounded
from ezaigents.simulate.counting import PromptCache

_LONG = [{"role": "user", "content": "x" * 4000}]
_MARK = {"type": "ephemeral"}


def _further(*texts: str) -> list[dict[str, str]]:
    roles = ("assistant", "user")
    return [*_LONG, *({"role": roles[number % 2], "content": text} for number, text in enumerate(texts))]


def test_what_was_sent_before_is_read_from_the_cache() -> None:
    """The same beginning counts as read the second time, and only what is new is written."""
    cache = PromptCache()
    first = cache.spend(read_claude(messages=_LONG, cache_control=_MARK), Move(), 1)
    second = cache.spend(read_claude(messages=_further("a", "b" * 400), cache_control=_MARK), Move(), 1)
    assert (first.cache_read, first.fresh) == (0, 0)
    assert first.cache_write > 1000
    assert second.cache_read == first.input
    assert 100 < second.cache_write < 200


def test_anthropic_keeps_only_what_is_marked() -> None:
    """Without a mark nothing is kept; behind the last mark neither."""
    cache = PromptCache()
    for _ in range(2):
        assert cache.spend(read_claude(messages=_LONG), Move(), 1).fresh > 1000
    marked = [{"type": "text", "text": "s" * 400, "cache_control": _MARK}]
    spent = [cache.spend(read_claude(system=marked, messages=_LONG), Move(), 1) for _ in range(2)]
    assert [one.cache_read for one in spent] == [0, spent[0].cache_write]
    assert spent[1].fresh > 1000


def test_a_mark_that_moves_makes_no_other_prefix() -> None:
    """The mark is no part of what is compared."""
    cache = PromptCache()
    system = [{"type": "text", "text": "s" * 400, "cache_control": _MARK}]
    cache.spend(read_claude(system=system), Move(), 1)
    moved = [{"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": _MARK}]}]
    assert (
        cache.spend(read_claude(system=[{"type": "text", "text": "s" * 400}], messages=moved), Move(), 1).cache_read
        > 90
    )


def test_another_model_has_seen_nothing() -> None:
    """A cache belongs to one model; a change at the beginning loses all."""
    cache = PromptCache()
    assert cache.spend(read_chat(messages=_LONG), Move(), 1).cache_read == 0
    assert cache.spend(read_chat(messages=_LONG, model="kimi-k3"), Move(), 1).cache_read == 0
    changed = [{"role": "system", "content": "new"}, *_LONG]
    assert cache.spend(read_chat(messages=changed), Move(), 1).cache_read == 0
    assert cache.spend(read_chat(messages=_LONG), Move(), 1).cache_read > 1000


def test_openai_counts_what_was_read_in_steps_of_128() -> None:
    """Its cached tokens are whole steps, and never more than the input."""
    cache = PromptCache()
    given = {"input": [{"role": "user", "content": "x" * 4000}]}
    spent = [cache.spend(read_gpt(**given), Move(text="y" * 40), 128) for _ in range(2)]
    assert spent[1].cache_read == spent[1].input // 128 * 128 > 800
    assert spent[1].output == 10


def test_a_bounded_mapping_forgets_what_was_used_longest_ago() -> None:
    """It never holds more than it may, and asking for an entry keeps it."""
    kept: Bounded[int, str] = Bounded(2)
    kept.put(1, "a")
    kept.put(2, "b")
    kept.get(1)
    kept.put(3, "c")
    assert [kept.get(key) for key in (1, 2, 3)] == ["a", None, "c"]
    assert len(kept) == 2


def test_each_key_has_its_own_minute() -> None:
    """Requests and tokens are counted by key, and begin anew with the minute."""
    clock = ManualClock(start_ms=1_700_000_005_000)
    allowances = Allowances(clock)
    allowances.take("one", 10)
    left = allowances.take("one", TOKENS_PER_MINUTE)
    assert (left.requests_left, left.tokens_left) == (REQUESTS_PER_MINUTE - 2, 0)
    assert allowances.take("two", 5).tokens_left == TOKENS_PER_MINUTE - 5
    clock.advance(left.reset_s)
    assert allowances.take("one", 0).requests_left == REQUESTS_PER_MINUTE - 1


def test_the_prompt_is_the_first_user_turn() -> None:
    """A rule belongs to the whole conversation, so later turns do not change which."""
    messages = [*CLAUDE["messages"], {"role": "assistant", "content": "a"}, {"role": "user", "content": "other"}]
    assert (read_claude(messages=messages).prompt, read_claude(messages=messages).step) == ("hello", 1)
    assert asked().prompt == "hello"
