"""A rig with budgets."""

from __future__ import annotations

import pytest
from tests.contract.budget.money import BudgetRig
from tests.engines import Engine


@pytest.fixture
def rig(engine: Engine) -> BudgetRig:
    return BudgetRig(engine)
