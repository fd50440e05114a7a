"""Simulated models within this process. Job: a server as long as a block lasts. Not its job: a process of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from ezaigents.simulate.faults import Fault, parse_fault
from ezaigents.simulate.rules import read_rules
from ezaigents.simulate.server import BODY_MOST_BYTES, CONTEXT_TOKENS, Server


class SimulatedModels:
    """`async with SimulatedModels(rules=[...]) as simulated: simulated.url`.

    `rules`: rule files (Path) and TOML texts (str); without any, every prompt is answered `simulated: no rule`.
    `faults`: Fault, or as `--fault` takes them. `log`: None = no log. `seed`: what chance begins with.
    Raises ConfigError at once for rules and faults that cannot be read, on entering for the port and the log.
    """

    def __init__(
        self,
        rules: Iterable[Path | str] = (),
        *,
        faults: Iterable[Fault | str] = (),
        log: Path | None = None,
        port: int = 0,
        seed: int = 0,
        body_most_bytes: int = BODY_MOST_BYTES,
        context_tokens: int = CONTEXT_TOKENS,
    ) -> None:
        self._port = port
        self._server = Server(
            read_rules(rules),
            faults=[parse_fault(fault) if isinstance(fault, str) else fault for fault in faults],
            log=log,
            seed=seed,
            body_most_bytes=body_most_bytes,
            context_tokens=context_tokens,
        )

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:1234`; what OpenAI's SDK takes has `/v1` behind it."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()
