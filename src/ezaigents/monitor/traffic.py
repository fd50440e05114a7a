"""What the engine reads and writes on its sockets. Job: its own counts, and those of whoever looks.

Looking is traffic too. What a look sends and hears is counted on its own connection and taken off, so that an idle
fleet that is watched is still seen to be idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ezaigents.client import Client


class Bytes(msgspec.Struct, frozen=True):
    """Bytes that the engine received and sent."""

    received: int
    sent: int

    def __sub__(self, other: Bytes) -> Bytes:
        return Bytes(self.received - other.received, self.sent - other.sent)

    def __add__(self, other: Bytes) -> Bytes:
        return Bytes(self.received + other.received, self.sent + other.sent)


class EngineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: since the engine's start. `own`: of this connection, up to the same moment. `life`: of this start.

    `pid`: as the engine itself says, on its machine.
    """

    total: Bytes
    own: Bytes
    life: str
    pid: int


def own_bytes(client: Client) -> Bytes:
    """What this client has sent to the engine, and heard from it."""
    sent, heard = client.traffic
    return Bytes(sent, heard)


async def engine_counts(client: Client) -> EngineCounts:
    """Ask the engine. Its answer is not yet in what it counts as sent, nor in `own`. Raises EngineDown."""
    heard = own_bytes(client).sent
    text: bytes = await client.queue.read("INFO", "server", "stats")
    said = dict(line.split(":", 1) for line in text.decode("utf-8", "replace").splitlines() if ":" in line)
    return EngineCounts(
        total=Bytes(int(said.get("total_net_input_bytes", 0)), int(said.get("total_net_output_bytes", 0))),
        own=Bytes(own_bytes(client).received, heard),
        life=said.get("run_id", ""),
        pid=int(said.get("process_id", 0)),
    )
