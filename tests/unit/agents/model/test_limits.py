"""When a task is warned, and when it stops."""

from __future__ import annotations

import pytest

from ezaigents.agents.definition import Definition
from ezaigents.agents.model.limits import Limits, Used, limits_for, nudges, reached
from ezaigents.settings import Settings

_LIMITS = Limits(steps=10, tokens=1000, time_s=60, microusd=2_000_000)


def _used(**changed: float) -> Used:
    values = {"steps": 0, "tokens": 0, "time_s": 0.0, "microusd": 0} | changed
    return Used(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("used", "setting"),
    [
        ({"steps": 10}, "task_steps"),
        ({"tokens": 1000}, "task_tokens"),
        ({"time_s": 60.0}, "task_time_s"),
        ({"microusd": 2_000_000}, "budget_task_usd"),
    ],
)
def test_a_reached_limit_says_how_to_raise_it(used: dict[str, float], setting: str) -> None:
    """At its limit a task stops, and the user is told which setting to change."""
    assert setting in reached(_used(**used), _LIMITS)
    below = {key: value * 0.99 - (key == "steps") for key, value in used.items()}
    assert reached(_used(**below), _LIMITS) == ""


def test_the_model_is_warned_once_at_four_fifths() -> None:
    """At 80 % of a limit the model is told, and not again for the same limit."""
    assert nudges(_used(steps=7), _LIMITS, set()) == []
    assert [mark for mark, _ in nudges(_used(steps=8), _LIMITS, set())] == ["steps"]
    assert nudges(_used(steps=9), _LIMITS, {"steps"}) == []
    assert [mark for mark, _ in nudges(_used(steps=9, tokens=900), _LIMITS, {"steps"})] == ["tokens"]


def test_no_money_is_no_share_of_money() -> None:
    """A budget of nothing is the budget's own refusal, not a division by nothing."""
    assert reached(_used(), Limits(steps=1, tokens=1, time_s=1, microusd=0)) == ""


def test_an_agents_own_limits_never_pass_the_users_budget() -> None:
    """An agent file may ask for less money than the settings allow, not for more; steps are its own."""
    greedy = Definition(name="a", model="p:m", budget_usd=99, steps=500)
    modest = Definition(name="a", model="p:m", budget_usd=0.5)
    settings = Settings(budget_task_usd=2.0, task_steps=60)
    assert limits_for(greedy, settings).microusd == 2_000_000
    assert limits_for(greedy, settings).steps == 500
    assert limits_for(modest, settings).microusd == 500_000
    assert limits_for(modest, settings).steps == 60
