"""Tests of agents with models are coroutines; nothing of one may be left when it has ended."""

from __future__ import annotations

import inspect

import pytest
from tests.leaks import run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), limit_s=90.0)
    return True
