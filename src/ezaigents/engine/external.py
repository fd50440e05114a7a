"""An engine of the user's own, named by EZ_REDIS_URL.

Job: connect, check, explain what is wrong. Not its job: starting or stopping it.
"""

from __future__ import annotations

import time

import hiredis

from ezaigents.engine.address import Address, parse_url
from ezaigents.engine.blocking import BlockingConnection, EngineRefusal
from ezaigents.engine.checks import check_fitness
from ezaigents.engine.handle import EngineHandle
from ezaigents.engine.probe import ask_facts
from ezaigents.errors import ConfigError, EngineDown, EngineUnfit, EzError
from ezaigents.settings import Settings

_LOGIN_REFUSALS = ("WRONGPASS", "NOAUTH", "NOPERM")


class ExternalStarting:
    """An external engine; nothing is sent before `ready`."""

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._settings = settings
        self._address = parse_url(settings.redis_url)
        self._timeout_s = timeout_s

    def ready(self) -> EngineHandle:
        """Connect and check. Raises EngineDown, EngineUnfit or ConfigError; none shows the password."""
        began_s = time.monotonic()
        with _connect(self._address, self._timeout_s) as connection:
            facts = ask_facts(connection, str(self._address))
        check_fitness(facts, str(self._address))
        took_s = time.monotonic() - began_s
        return EngineHandle(self._settings, self._address, "external", facts, adopted=True, started_in_s=took_s)


def _connect(address: Address, timeout_s: float) -> BlockingConnection:
    try:
        return BlockingConnection(address, timeout_s=timeout_s, client_name="ez-start")
    except EngineRefusal as refusal:
        raise _login_error(address, refusal) from refusal
    except EngineDown as error:
        if isinstance(error.__cause__, hiredis.ProtocolError):
            raise ConfigError(
                f"EZ_REDIS_URL: what answers at {address} is neither Redis nor Valkey; check host and port"
            ) from error
        raise EngineDown(f"{error}; check EZ_REDIS_URL and that the server runs") from error
    except ValueError as error:
        raise ConfigError(f"EZ_REDIS_URL: {address} cannot be reached: {error}") from error


def _login_error(address: Address, refusal: EngineRefusal) -> EzError:
    if refusal.code in _LOGIN_REFUSALS:
        return ConfigError(
            f"EZ_REDIS_URL: the engine at {address} refuses the login ({refusal.code}); check user and password"
        )
    if "unknown command" in str(refusal).lower() or refusal.code == "NOPROTO":
        return EngineUnfit(
            f"the engine at {address} is too old (it does not know HELLO 3); "
            "it must be Redis 7.0 or Valkey 7.2, or newer"
        )
    return ConfigError(f"EZ_REDIS_URL: the engine at {address} refuses the connection: {refusal}")
