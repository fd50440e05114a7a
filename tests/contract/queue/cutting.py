"""A socket before the engine that breaks where it is told to. Job: forward, and cut once. Not its job: judging."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Self

from ezaigents.engine import Address


class CuttingProxy:
    """`cut_after(n)`: of what the engine sends from now on, n bytes pass; then the connection is cut, once.

    `passed`: bytes the engine sent since. A cut after 0 bytes still lets the call reach the engine.
    """

    def __init__(self, folder: Path, engine: Address) -> None:
        self.address = Address(path=str(folder / "cut"))
        self.passed = 0
        self._engine = engine
        self._left: int | None = None
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._link, self.address.path)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._links)
        await self._server.wait_closed()
        Path(self.address.path).unlink(missing_ok=True)

    def cut_after(self, count: int | None) -> None:
        """Arm it; None = never."""
        self._left = count
        self.passed = 0

    @property
    def has_cut(self) -> bool:
        """True when it is not armed (any more)."""
        return self._left is None

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        up_reader, up_writer = await asyncio.open_unix_connection(self._engine.path)
        pumps = {
            asyncio.ensure_future(self._up(reader, up_writer)),
            asyncio.ensure_future(self._down(up_reader, writer)),
        }
        self._pumps |= pumps
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._pumps -= pumps
        up_writer.close()
        writer.close()
        self._links.discard(task)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                cut = self._left is not None and self._left < self.passed + len(data)
                if self._left is not None and cut:
                    data = data[: self._left - self.passed]
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
                if cut:
                    self._left = None
                    return
