"""Any history of calls: the real budgets count what a plain model counts, and no limit is passed when money is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.contract.budget.money import TTL_S, BudgetRig
from tests.engines import Engine

from ezaigents.budget import BudgetRefused, HoldName, HoldSettled, Limits

tasks = st.sampled_from(["t1", "t2"])
runs = st.sampled_from(["r1", "r2"])
agents = st.sampled_from(["claude", "gpt"])
amounts = st.integers(0, 60)
numbers = st.integers(0, 1_000_000)


class _Hold(msgspec.Struct):
    """A call of the model. `state`: open, lapsed or settled."""

    scopes: list[str]
    amount: int
    state: str = "open"
    spent: int = 0


class BudgetMachine(RuleBasedStateMachine):
    """Rules draw plain numbers and choose among what there is, so that shrinking stays simple."""

    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.rig = BudgetRig(self.engine)
        self.holds: dict[HoldName, _Hold] = {}
        self.spent: dict[str, int] = {}

    def do(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return self.runner.run(done())

    @initialize()
    def begin(self) -> None:
        self.do(self.rig.__aenter__())

    def teardown(self) -> None:
        self.do(self.rig.__aexit__(None, None, None))
        self.runner.close()

    def reserved(self, scope: str) -> int:
        return sum(hold.amount for hold in self.holds.values() if hold.state == "open" and scope in hold.scopes)

    def count(self, scopes: list[str], by: int) -> None:
        for scope in scopes:
            self.spent[scope] = self.spent.get(scope, 0) + by

    def pick(self, number: int, *states: str) -> HoldName | None:
        names = [name for name, hold in self.holds.items() if not states or hold.state in states]
        return names[number % len(names)] if names else None

    @rule(
        task=tasks, lone=st.booleans(), run=runs, agent=agents, amount=amounts, share=st.integers(0, 4),
        limit=st.tuples(*(st.sampled_from([0, least, least * 3]) for least in (90, 70, 150, 160, 170))),
    )  # fmt: skip
    def reserve(
        self, task: str, lone: bool, run: str, agent: str, amount: int, share: int, limit: tuple[int, ...]
    ) -> None:
        name, least = self.rig.name(task), amount * share // 4
        given: dict[str, Any] = dict(zip(("task", "run", "agent", "day", "total"), limit, strict=True))
        by_scope = {f"agent:{agent}": given["agent"], "day": given["day"]}
        if lone:
            given["task"] = None
        else:
            by_scope = {f"task:{task}": given["task"], **by_scope}
        by_scope |= {"all": given["total"]} | ({f"run:{run}": given["run"]} if given["run"] else {})
        room = min(most - self.spent.get(scope, 0) - self.reserved(scope) for scope, most in by_scope.items())
        fits = min(amount, room) if amount else 0
        call = self.rig.budget.reserve(
            name, agent=agent, run=run, amount=amount, least=least, limits=Limits(**given), ttl_s=TTL_S
        )
        if amount and fits < max(least, 1):
            with pytest.raises(BudgetRefused):
                self.do(call)
            return
        assert self.do(call) == fits
        self.holds[name] = _Hold(list(by_scope), fits)
        self.count(list(by_scope), 0)
        for scope, most in by_scope.items():
            assert not fits or self.spent[scope] + self.reserved(scope) <= most

    @rule(number=numbers)
    def reserve_again(self, number: int) -> None:
        if name := self.pick(number):
            call = self.rig.reserve(name, 33)
            if self.holds[name].state == "settled":
                with pytest.raises(HoldSettled):
                    self.do(call)
            else:
                assert self.do(call) == self.holds[name].amount

    @rule(number=numbers, spent=st.none() | st.integers(0, 80), older=st.booleans())
    def settle(self, number: int, spent: int | None, older: bool) -> None:
        name = self.pick(number) if older else self.pick(number, "open", "lapsed")
        if name is None:
            return
        hold = self.holds[name]
        told = self.do(self.rig.budget.settle(name, spent))
        if hold.state != "settled":
            real = hold.amount if spent is None else spent
            self.count(hold.scopes, real - hold.spent)
            hold.spent, hold.state = real, "settled"
        assert (told.held, told.spent) == (hold.amount, hold.spent)

    @rule(number=numbers)
    def forgotten(self, number: int) -> None:
        if name := self.pick(number, "open"):
            self.do(self.rig.time_comes(name))
            assert self.do(self.rig.budget.lapse()) == 1
            hold = self.holds[name]
            hold.state, hold.spent = "lapsed", hold.amount
            self.count(hold.scopes, hold.amount)

    @rule()
    def scripts_are_forgotten(self) -> None:
        self.do(self.rig.raw("SCRIPT", "FLUSH"))

    @invariant()
    def sums_are_exact(self) -> None:
        expected = {scope: (spent, self.reserved(scope)) for scope, spent in self.spent.items()}
        assert self.do(self.rig.money()) == expected

    @invariant()
    def budgets_and_holds_agree(self) -> None:
        assert self.do(self.rig.judged()) == []


def _run(engine: Engine, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("BudgetMachine", (BudgetMachine,), {"engine": engine}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_history_is_as_the_model_says(engine: Engine) -> None:
    """Whatever is held, settled, forgotten and repeated: no limit is passed by a hold, and all sums are exact."""
    _run(engine, examples=30, steps=30)


@pytest.mark.nightly
def test_a_great_many_histories_are_as_the_model_says(engine: Engine) -> None:
    """The same rule over many more and longer histories."""
    _run(engine, examples=1000, steps=80)
