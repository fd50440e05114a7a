"""The namespace of an external engine that a restore fills. Job: whose it is, until the files too are in place.

Before its first key the restore writes an id beside what it unpacked, and into the key `state`: `<version> restoring
<id>`. No host starts on that. Once the files are placed it becomes `<version> restored <id>`. A restore that is begun
again finds its id and takes away what bears it; that of another data folder is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ezaigents.backup.manifest import Manifest
from ezaigents.engine import Connection, begin
from ezaigents.errors import ConfigError, EzError
from ezaigents.queue import RESTORED_WORD, RESTORING_WORD, Keys, Queue
from ezaigents.queue.fsck import scan
from ezaigents.settings import Settings
from ezaigents.workspace import sync_folder

_FILE = "mark"


class NamespaceClaim:
    """`with NamespaceClaim(settings, manifest, restoring) as claim:` load, place, `open()`; else it is emptied.

    Does nothing where the engine is the embedded one: its state is among the files. Where emptying fails, the id
    stays in `restoring`: `is_claimed` says so.
    """

    def __init__(self, settings: Settings, manifest: Manifest, restoring: Path) -> None:
        self.id = ""
        self._settings = settings
        self._manifest = manifest
        self._file = restoring / _FILE
        self._is_outside = bool(settings.redis_url and manifest.engine)

    def __enter__(self) -> Self:
        if self._is_outside:
            self.id = _read(self._file)
            if not self.id:
                self.id = os.urandom(6).hex()
                _write(self._file, self.id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Once the folder has its last name, and the file with it, the state is whole.
        if self._is_outside and kind is not None and self._file.exists():
            with contextlib.suppress(EzError, OSError):
                self._at_engine(lambda queue: _empty(queue, self.id))
                self._file.unlink()

    def open(self) -> None:
        """Let hosts start on it. Raises EngineDown."""
        if self._is_outside:
            text = f"{self._manifest.state} {RESTORED_WORD} {self.id}"
            self._at_engine(lambda queue: queue.put("SET", queue.keys.state(), text))

    def _at_engine(self, act: Callable[[Queue], Awaitable[object]]) -> None:
        address = begin(self._settings).ready().address

        async def run() -> None:
            async with Connection(address, client_name="ez-restore") as connection:
                queue = Queue(connection, Keys(self._settings.namespace or self._manifest.id))
                try:
                    await act(queue)
                finally:
                    await queue.close()

        asyncio.run(run())


def is_claimed(restoring: Path) -> bool:
    """Say whether a restore that was cut short may have left keys in an external engine."""
    return (restoring / _FILE).exists()


async def take_namespace(queue: Queue, version: int, claim: str) -> None:
    """Make the namespace ours, without a key but the mark. Raises ConfigError where it holds what is not ours.

    `claim`: the id of this restore; "" for an engine that nobody else can reach.
    """
    state = queue.keys.state()
    mark = f"{version} {RESTORING_WORD} {claim}".rstrip()
    if await _is_ours(queue, claim):
        await _remove_all_but_mark(queue)
        await queue.put("SET", state, mark)
        return
    async for found in scan(queue):
        if found:
            raise await _occupied(queue, found[0])
    await queue.put("SET", state, mark, "NX")
    if await queue.read("GET", state) != mark.encode():
        raise await _occupied(queue, state.encode())


async def _empty(queue: Queue, claim: str) -> None:
    """Remove every key if they are this restore's, the mark last."""
    if await _is_ours(queue, claim):
        await _remove_all_but_mark(queue)
        await queue.put("DEL", queue.keys.state())


async def _is_ours(queue: Queue, claim: str) -> bool:
    """By the mark; one without any id is from a version that gave none."""
    words = await _mark_words(queue)
    return words == [RESTORING_WORD] or words in ([RESTORING_WORD, claim], [RESTORED_WORD, claim])


async def _mark_words(queue: Queue) -> list[str]:
    return (await queue.read("GET", queue.keys.state()) or b"").decode("ascii", "replace").split()[1:]


async def _remove_all_but_mark(queue: Queue) -> None:
    async for found in scan(queue):
        left = [key for key in found if key != queue.keys.state().encode()]
        if left:
            await queue.put("DEL", *left)


async def _occupied(queue: Queue, key: bytes) -> ConfigError:
    if (await _mark_words(queue))[:1] == [RESTORING_WORD]:
        return ConfigError(
            f"a restore from another data folder fills the engine's namespace {queue.keys.prefix.rstrip(':')}, or was "
            "cut short: let it end or repeat it there (same EZ_HOME), or set EZ_NAMESPACE to a new one"
        )
    return ConfigError(
        f"the engine holds keys in the namespace of this backup already (such as {key.decode('utf-8', 'replace')[:80]})"
        ", and a restore never overwrites: set EZ_NAMESPACE to a new one, or EZ_REDIS_URL to another engine"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    """On the disk before any key bears it."""
    with path.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
