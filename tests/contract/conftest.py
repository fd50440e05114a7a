"""Contracts of what lives in the engine, against each engine there is: the embedded one, and Redis where installed.

Tests are coroutines; each gets a `rig` over an emptied engine, and after it everything must be consistent.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.contract.queue.rig import Rig
from tests.engines import Engine, redis_program, running_engine


@pytest.fixture(scope="session", params=["embedded", "redis"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    program = redis_program() if request.param == "redis" else None
    if request.param == "redis" and program is None:
        pytest.skip("no redis-server on PATH, and EZ_TEST_REDIS names none")
    with running_engine(tmp_path_factory.mktemp(request.param), program) as engine:
        yield engine


@pytest.fixture
def rig(engine: Engine) -> Rig:
    return Rig(engine)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(_run(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names}))
    return True


async def _run(test: Any, arguments: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        for argument in arguments.values():
            if isinstance(argument, Rig):
                await stack.enter_async_context(argument)
        await test(**arguments)
