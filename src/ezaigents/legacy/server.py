"""The old server: one connection of our own to it. Job: open it, say what is wrong with it, call it, run our scripts.

The wire is that of the engine room. Not its job: what the keys mean (names), going on when it is away (bridge).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from ezaigents.engine import Arg, Connection, EngineRefusal, Reply, parse_url
from ezaigents.errors import ConfigError, EngineDown, EngineFull, EzError, RetryLater
from ezaigents.queue import Script

_FOLDER = Path(__file__).parent / "lua"
_NAMES = ("window", "take", "hand_over", "drop", "put_back")
_LOGIN = ("WRONGPASS", "NOAUTH", "NOPERM")
_PREFIX = "ez:legacy:"


class OldServerDown(RetryLater):
    """The old server does not answer (any more)."""


class OldServerRefuses(ConfigError):
    """The old server answered with an error that no repetition mends."""


class OldServer:
    """A connection to the old server: `async with OldServer(...)`.

    `option`: what named it, for messages. `ca_file`: whom to trust over TLS, "" = whom the system trusts. `password`:
    in the place of the one in the URL. `on_changed(key)`: hears of changed keys after `track`, "" = of any.
    `on_restored()`: the connection was made anew, and is to be told again to track. Raises ConfigError, OldServerDown.
    """

    def __init__(
        self,
        url: str,
        *,
        option: str,
        ca_file: str = "",
        password: str = "",
        timeout_s: float = 15.0,
    ) -> None:
        address = parse_url(url, option)
        if ca_file and not address.tls:
            raise ConfigError(f"--tls-ca goes with a rediss:// URL, and {option} is {address}")
        address = msgspec.structs.replace(address, ca_file=ca_file)
        if password:
            address = msgspec.structs.replace(address, password=password)
        self.on_changed: Callable[[str], None] = lambda key: None
        self.on_restored: Callable[[], None] = lambda: None
        self._option = option
        self._scripts = {name: _read(name) for name in _NAMES}
        self._connection = Connection(
            address,
            on_heard=self._on_heard,
            on_restored=self._on_restored,
            timeout_s=timeout_s,
            client_name="ez-legacy",
        )

    async def __aenter__(self) -> Self:
        try:
            await self._connection.open()
        except (EzError, OSError, ValueError) as error:
            await self._connection.close()
            raise self._not_opened(error) from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()

    def __str__(self) -> str:
        return str(self._connection.address)

    async def call(self, *args: Arg) -> Reply:
        """One command. Raises OldServerDown, OldServerRefuses."""
        return (await self.calls([args]))[0]

    async def calls(self, commands: Sequence[tuple[Arg, ...]]) -> list[Reply]:
        """Several commands in one go. Raises the same, for the first that fails."""
        try:
            return list(await asyncio.gather(*[self._connection.send(*args) for args in commands]))
        except EzError as error:
            raise self._failed(error) from error

    async def run(self, name: str, keys: Sequence[str | bytes], *args: Arg) -> Reply:
        """Run one of our scripts. Raises the same."""
        script = self._scripts[name]
        rest: tuple[Arg, ...] = (len(keys), *keys, *args)
        try:
            try:
                return await self._connection.call("EVALSHA", script.digest, *rest)
            except EngineRefusal as refusal:
                if refusal.code != "NOSCRIPT":
                    raise
            return await self._connection.call("EVAL", script.text, *rest)
        except EzError as error:
            raise self._failed(error) from error

    async def track(self, prefix: str) -> bool:
        """Ask to be told of keys that others change; says whether this server does that."""
        try:
            await self._connection.call("CLIENT", "TRACKING", "OFF")  # a prefix may be asked for once
            await self._connection.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix, "NOLOOP")
        except EngineRefusal:
            return False
        except EzError as error:
            raise self._failed(error) from error
        return True

    async def wait_up(self, timeout_s: float) -> bool:
        """Wait until connected again; says whether it is."""
        try:
            await self._connection.wait_up(timeout_s)
        except EngineDown:
            return False
        return True

    def _on_heard(self, channel: str, key: str) -> None:
        self.on_changed(key)

    def _on_restored(self) -> None:
        self.on_restored()

    def _failed(self, error: EzError) -> EzError:
        if isinstance(error, EngineDown):
            how = "refuses writes" if isinstance(error, EngineFull) else "does not answer"
            return OldServerDown(
                f"the old server at {self} {how}: {error.__cause__ or error}; when that is over, run the same command "
                "again: it goes on where it stopped, and nothing is done twice"
            )
        return OldServerRefuses(f"the old server at {self} refuses: {error}")

    def _not_opened(self, error: Exception) -> EzError:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConfigError(
                f"{self._option}: the certificate of {self} is not trusted ({cause.verify_message}); "
                "name the file of its authority with --tls-ca FILE"
            )
        if isinstance(error, EngineRefusal) and error.code in _LOGIN:
            return ConfigError(
                f"{self._option}: the old server at {self} refuses the login ({error.code}); check user and password "
                "(--password-file FILE, or in the URL)"
            )
        if isinstance(error, EngineRefusal):
            return ConfigError(
                f"{self._option}: the old server at {self} refuses the connection: {error}; "
                "it must be Redis 6.2 or newer"
            )
        if isinstance(error, ValueError):
            return ConfigError(f"{self._option}: {self} cannot be reached: {error}")
        words = cause or error
        return OldServerDown(
            f"no old server answers at {self} ({words}); check {self._option}, and that the server runs"
        )


def noted_key(home: str, what: str) -> str:
    """The key of the old server in which the fleet of a data folder notes something: `ez:legacy:<id>:<what>`."""
    return f"{_PREFIX}{home}:{what}"


def taken_from(value: bytes) -> tuple[str, bytes]:
    """What stands in the hash of what was taken: the queue it is from, and the entry."""
    key, _, raw = value.partition(b"\n")
    return key.decode("utf-8", "surrogateescape"), raw


def pairs_of(reply: Reply) -> Mapping[bytes, bytes]:
    """A reply of HGETALL, or a part of one of HSCAN, as a mapping."""
    if isinstance(reply, Mapping):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _read(name: str) -> Script:
    return Script(name, (_FOLDER / f"{name}.lua").read_text(encoding="utf-8"))
