"""Reach an engine and ask it about itself. Job: the calls. Not its job: judging the answers (checks)."""

from __future__ import annotations

from pathlib import Path

from ezaigents.engine.address import Address
from ezaigents.engine.blocking import BlockingConnection, EngineRefusal, Reply
from ezaigents.engine.checks import Facts, facts_of
from ezaigents.engine.configuration import ENGINE_USER
from ezaigents.engine.layout import PASSWORD, socket_path
from ezaigents.errors import EngineUnfit


def embedded_address(home: Path) -> Address:
    """How to reach and log in to the engine of this data folder, whether it lives or not."""
    try:
        password = (home / PASSWORD).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        password = ""
    return Address(path=socket_path(home), user=ENGINE_USER, password=password)


def ask_facts(connection: BlockingConnection, where: str) -> Facts:
    """Return what the engine says of itself. Raises EngineUnfit when it will not even say its version.

    Raises EngineDown while it loads its log: then it would answer INFO, but no call of ours.
    """
    connection.call("PING")
    try:
        info = _text(connection.call("INFO"))
    except EngineRefusal as refusal:
        raise EngineUnfit(
            f"the engine at {where} refuses INFO ({refusal}), so its version cannot be checked; "
            "let this user run it: ACL SETUSER NAME +info +config|get"
        ) from refusal
    return facts_of(info, _configuration(connection))


def _configuration(connection: BlockingConnection) -> dict[str, str] | None:
    try:
        reply = connection.call("CONFIG", "GET", "append*")
    except EngineRefusal:
        return None
    flat = [part for pair in reply.items() for part in pair] if isinstance(reply, dict) else list(reply or ())
    return {_text(name): _text(value) for name, value in zip(flat[::2], flat[1::2], strict=False)}


def _text(reply: Reply) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
