"""The plain alternatives are what they say: no padding, and no waiting that is not the point of them."""

from __future__ import annotations

import ast
import importlib
import inspect
from types import ModuleType

import pytest

PLAIN = {
    "ezaigents.runtime.delivery": ("PollDelivery", "PushDelivery"),
    "ezaigents.runtime.heartbeat": ("FullHeartbeat", "DeltaHeartbeat"),
    "ezaigents.runtime.cache": ("PlainCache", "BoundedCache"),
    "ezaigents.runtime.health": ("PlainHistory", "HealthBook"),
    "ezaigents.team.plain_messages": ("PlainMessages", ""),
    "ezaigents.wiring.processes": ("ProcessPerAgent", ""),
}
_SLEEPERS = {"sleep", "monotonic", "urandom", "randbytes", "Event"}
_WAITS = {"ezaigents.wiring.processes": {"sleep"}}
"""Before a process that died is started again."""
_LINES_MOST = 120


def _source(module: ModuleType, name: str) -> ast.Module:
    return ast.parse(inspect.getsource(getattr(module, name)))


@pytest.mark.parametrize("where", PLAIN)
def test_nothing_in_it_costs_for_the_sake_of_costing(where: str) -> None:
    """It neither sleeps nor fills memory with what nobody asked for, and is short enough to be judged by reading."""
    module = importlib.import_module(where)
    tree = _source(module, PLAIN[where][0])
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called & _SLEEPERS <= _WAITS.get(where, set())
    repeated = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)]
    assert not repeated, "a plain alternative multiplies nothing"
    assert len(inspect.getsource(getattr(module, PLAIN[where][0])).splitlines()) <= _LINES_MOST


@pytest.mark.parametrize("where", [where for where, (_, light) in PLAIN.items() if light])
def test_both_do_the_same(where: str) -> None:
    """What one can be asked for, the other can."""
    module = importlib.import_module(where)
    plain, light = (getattr(module, name) for name in PLAIN[where])
    asked = {name for name in vars(light) if not name.startswith("_")}
    assert asked <= {name for name in vars(plain) if not name.startswith("_")}
