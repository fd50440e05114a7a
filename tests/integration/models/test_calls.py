"""Model calls that belong to no task: an agent's routes and budgets, and nothing left of a call that was broken off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.leaks import until

from ezaigents.agents.definition import packaged_definitions
from ezaigents.agents.model import calls as calls_module
from ezaigents.agents.model.calls import CallEnded, ModelCalls, TooManyCalls
from ezaigents.agents.model.services import Services
from ezaigents.budget import Budget, BudgetRefused, ScopeState
from ezaigents.clock import SystemClock
from ezaigents.errors import AgentUnavailable, EngineDown, InputError
from ezaigents.providers import Request, Role, RoutesBusy, Text, Turn

from .scene import Scene, at_work, settings_in

_HELLO = '[[rule]]\nmatch = "hello"\n[[rule.steps]]\ntext = "Hello to you, and a good day."\n'
_SILENCE = "hello [fault hang]"


def _request(prompt: str = "hello", **fields: Any) -> Request:
    fields = {"max_output_tokens": 0} | fields
    return Request(system="Be kind.", turns=(Turn(Role.USER, (Text(prompt),)),), **fields)


def _calls(scene: Scene) -> ModelCalls:
    calls = scene.fleet.model_calls()
    assert calls is not None
    return calls


async def _scopes(scene: Scene) -> dict[str, ScopeState]:
    """What each scope has counted, without the day in its name."""
    states = await Budget(scene.client.queue, scene.settings.home_path).overview()
    return {state.scope.replace(f":{state.day}", "") if state.day else state.scope: state for state in states}


async def test_a_call_is_answered_and_paid_for(tmp_path: Path) -> None:
    """It goes to the agent's first route with the agent's own limits; agent, day and everything count what it cost."""
    async with at_work(tmp_path, _HELLO) as scene:
        told: list[str] = []
        called = await _calls(scene).call("claude", _request(), on_text=told.append)
        assert called.reply.parts == (Text("Hello to you, and a good day."),)
        assert called.reply.route == "anthropic:claude-sonnet-5-5"
        assert called.reply.simulated
        assert "".join(told) == "Hello to you, and a good day."
        assert called.cost_microusd > 0
        scopes = await _scopes(scene)
        assert set(scopes) == {"sim-agent:claude", "sim-model:anthropic:claude-sonnet-5-5", "sim-day", "sim-all"}
        for state in scopes.values():
            assert (state.spent, state.reserved, state.calls) == (called.cost_microusd, 0, 1)


async def test_a_failed_route_is_followed_by_the_next(tmp_path: Path) -> None:
    """A call has the chain of its agent, as a task has."""
    async with at_work(tmp_path, _HELLO, faults=["404,reason=unknown_model,model=claude"]) as scene:
        called = await _calls(scene).call("claude", _request())
        assert called.reply.route == "openai:gpt-6.1-sol"


async def test_who_cannot_answer_says_why(tmp_path: Path) -> None:
    """One that is not there, is paused, or whose providers are; nothing is asked, and nothing held."""
    async with at_work(tmp_path, _HELLO) as scene:
        calls, operator = _calls(scene), scene.client.operator
        for name in ("nobody", "local"):
            with pytest.raises(InputError, match="asks models"):
                await calls.call(name, _request())
        await operator.pause(["claude"])
        with pytest.raises(AgentUnavailable, match="ez resume claude"):
            await calls.call("claude", _request())
        assert (await calls.call("gpt", _request())).reply.route == "openai:gpt-6.1-sol"
        await operator.pause()
        with pytest.raises(AgentUnavailable, match="everything is paused"):
            await calls.call("gpt", _request())
        await operator.resume()
        await operator.resume(["claude"])
        await operator.pause(["provider:anthropic"])
        assert (await calls.call("claude", _request())).reply.route == "openai:gpt-6.1-sol"
        await operator.pause([f"provider:{name}" for name in ("openai", "gemini", "deepseek", "mistral")])
        with pytest.raises(AgentUnavailable, match="anthropic is paused"):
            await calls.call("claude", _request())
        assert len(scene.calls()) == 2


async def test_without_a_key_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet with real models and no key names what is missing."""
    for name in ("ANTHROPIC", "OPENAI", "GEMINI", "GOOGLE", "DEEPSEEK", "MISTRAL"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    async with at_work(tmp_path, models="real") as scene:
        with pytest.raises(AgentUnavailable, match="key"):
            await _calls(scene).call("claude", _request())
        assert {card.state.value for card in _calls(scene).cards()} == {"unavailable"}


@pytest.mark.parametrize("scope", ["budget_task_usd", "budget_agent_usd", "budget_day_usd", "budget_total_usd"])
async def test_a_call_that_no_budget_holds_is_never_sent(tmp_path: Path, scope: str) -> None:
    """With nothing left in any scope no call leaves; a call may cost no more than a task."""
    none: dict[str, Any] = {scope: 0.0}
    async with at_work(tmp_path, _HELLO, **none) as scene:
        with pytest.raises(BudgetRefused) as refused:
            await _calls(scene).call("claude", _request())
        assert refused.value.setting == scope
        assert scene.calls() == []


async def test_of_many_at_once_only_those_that_fit_are_made(tmp_path: Path) -> None:
    """The worst case of each is held before it leaves: of twenty at once as many are sent as fit, the rest refused."""
    async with at_work(tmp_path, _HELLO, budget_agent_usd=0.05) as scene:
        asked = _request(_SILENCE, max_output_tokens=1000)
        pending = [asyncio.ensure_future(_calls(scene).call("claude", asked)) for _ in range(20)]
        await until(lambda: sum(one.done() for one in pending) + len(scene.calls()) == 20)
        refused = [one for one in pending if one.done()]
        assert 0 < len(refused) < 20
        assert all(isinstance(one.exception(), BudgetRefused) for one in refused)
        state = (await _scopes(scene))["sim-agent:claude"]
        assert 0 < state.reserved <= 50_000
        for one in pending:
            one.cancel()
        await asyncio.wait(pending)
        state = (await _scopes(scene))["sim-agent:claude"]
        assert (state.reserved, state.calls) == (0, 20 - len(refused))
        assert state.spent <= 50_000


async def test_a_call_whose_caller_leaves_is_settled_in_full(tmp_path: Path) -> None:
    """Nobody knows what the model has done by then, so all that was held is spent, and nothing stays reserved."""
    async with at_work(tmp_path, _HELLO) as scene:
        told = asyncio.Event()
        call = asyncio.ensure_future(_calls(scene).call("claude", _request(_SILENCE), on_text=lambda _text: told.set()))
        await asyncio.wait_for(told.wait(), 20)
        held = (await _scopes(scene))["sim-agent:claude"].reserved
        assert held > 0
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        state = (await _scopes(scene))["sim-agent:claude"]
        assert (state.spent, state.reserved) == (held, 0)


async def test_an_operator_who_stops_everything_stops_calls(tmp_path: Path) -> None:
    """Whoever waits for one is told who ended it; it is settled."""
    async with at_work(tmp_path, _HELLO) as scene:
        call = asyncio.ensure_future(_calls(scene).call("claude", _request(_SILENCE)))
        await until(scene.calls)
        await scene.client.operator.stop_all()
        with pytest.raises(CallEnded, match="stopped all work"):
            await asyncio.wait_for(call, 20)
        assert (await _scopes(scene))["sim-agent:claude"].reserved == 0


async def test_a_host_that_ends_settles_its_calls(tmp_path: Path) -> None:
    """A call that is on its way when a host stops ends with it, and leaves no hold open."""
    async with at_work(tmp_path, _HELLO) as scene:
        call = asyncio.ensure_future(_calls(scene).call("claude", _request(_SILENCE)))
        await until(scene.calls)
        await _calls(scene).close()
        with pytest.raises(CallEnded, match="stopping"):
            await asyncio.wait_for(call, 20)
        assert (await _scopes(scene))["sim-agent:claude"].reserved == 0


async def test_only_so_many_are_on_their_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound a call is sent away, and can be made when another has ended."""
    monkeypatch.setattr(calls_module, "CALLS_MOST", 1)
    async with at_work(tmp_path, _HELLO) as scene:
        calls = _calls(scene)
        first = asyncio.ensure_future(calls.call("claude", _request(_SILENCE)))
        await until(scene.calls)
        with pytest.raises(TooManyCalls):
            await calls.call("claude", _request())
        first.cancel()
        await asyncio.wait({first})
        await calls.call("claude", _request())


async def test_while_the_engine_is_away_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows then what may be spent: the caller hears so, and does not wait for ever."""
    monkeypatch.setattr(calls_module, "_ENGINE_S", 0.05)

    async def is_away() -> frozenset[str]:
        await asyncio.Event().wait()
        return frozenset()

    def never() -> Services:
        raise AssertionError("nothing may be asked")

    definitions = {one.name: one for one in packaged_definitions()}
    calls = ModelCalls(
        definitions, never, why_not=lambda _: "", paused=is_away, settings=settings_in(tmp_path), clock=SystemClock()
    )
    with pytest.raises(EngineDown):
        await calls.call("claude", _request())


async def test_a_provider_that_is_down_is_told_as_such(tmp_path: Path) -> None:
    """When every route failed, the caller hears when to come back."""
    async with at_work(tmp_path, _HELLO, faults=["429,retry_after=60"]) as scene:
        with pytest.raises(RoutesBusy) as busy:
            await _calls(scene).call("claude", _request())
        assert busy.value.delay_s >= 1
        assert (await _scopes(scene))["sim-agent:claude"].reserved == 0
