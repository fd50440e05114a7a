"""Words of budgets: names, limits, money for people, and refusals that say what to do."""

from __future__ import annotations

import pytest

from ezaigents.budget import BudgetRefused, HoldName, Limits, ScopeState, microusd, shown_usd
from ezaigents.settings import Settings


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 USD"),
        (1, "0.000001 USD"),
        (10_000, "0.01 USD"),
        (1_500_000, "1.50 USD"),
        (1_234_567_890_123, "1,234,567.890123 USD"),
        (-5_000, "-0.005 USD"),
    ],
)
def test_money_for_people(amount: int, text: str) -> None:
    """Two decimals, and more only where they would hide something."""
    assert shown_usd(amount) == text


def test_settings_are_whole_micro_dollars() -> None:
    """Limits come from the settings to the nearest micro-dollar, and a run's own beside them."""
    settings = Settings(budget_task_usd=0.1, budget_agent_usd=2.675, budget_day_usd=0, budget_total_usd=1_000_000)
    assert Limits.of(settings, run_microusd=5) == Limits(
        task=100_000, agent=2_675_000, day=0, total=1_000_000_000_000, run=5
    )
    assert microusd(0.0000014) == 1


def test_a_hold_is_named_by_its_call() -> None:
    """Task, fence, step and try; a fence stays exact."""
    assert str(HoldName("t1", 2**60 + 1, 3, 4)) == f"t1:{2**60 + 1}:3:4"


@pytest.mark.parametrize(
    ("scope", "owner", "advice"),
    [
        ("task:t1", "task t1", "raise `budget_task_usd`"),
        ("run:r1", "run r1", "`--budget`"),
        ("agent:a:b:2026-11-28", "agent a:b for 2026-11-28", "raise `budget_agent_usd`"),
        ("day:2026-11-28", "the day 2026-11-28", "raise `budget_day_usd`"),
        ("all", "everything", "raise `budget_total_usd`"),
    ],
)
def test_a_refusal_says_which_how_much_and_what_to_do(scope: str, owner: str, advice: str) -> None:
    """The limit, what is left of it, what the call may cost, the setting to raise; for a day, when it begins anew."""
    error = BudgetRefused(scope, limit=2_000_000, spent=1_950_000, reserved=40_000, wanted=50_000)
    text = str(error)
    assert owner in text
    assert advice in text
    assert "0.01 USD of 2.00 USD is left (1.95 USD spent, 0.04 USD held by running calls), and it may cost 0.05" in text
    assert ("00:00 UTC" in text) == (scope.partition(":")[0] in ("agent", "day"))
    assert error.exit_code == 4
    assert error.setting in advice or scope.startswith("run:")


def test_a_limit_of_zero_is_explained() -> None:
    """Nobody wonders how 0 of 0 can be left."""
    assert "its limit is 0, so no paid call is made" in str(
        BudgetRefused("all", limit=0, spent=0, reserved=0, wanted=1)
    )


def test_what_is_left_is_never_below_nothing() -> None:
    """A budget that is overdrawn has nothing left."""
    assert ScopeState(scope="all", limit=5, spent=9).left == 0
    assert (ScopeState(scope="agent:a:2026-01-02").day, ScopeState(scope="task:2026").day) == ("2026-01-02", "")
