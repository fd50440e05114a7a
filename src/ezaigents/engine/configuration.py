"""The embedded engine's configuration. Job: render the text of its file. Not its job: writing it.

Every line has its reason here or in docs/decisions; what equals the engine's own default is left out.
"""

from __future__ import annotations

import hashlib

from ezaigents.engine.layout import SOCKET
from ezaigents.settings import Settings

ENGINE_USER = "ez"
MAX_CLIENTS = 1000
"""The engine allots its event table for as many; 10,000, its default, costs 0.4 MB."""

_COMPACT = (
    # One value over 64 bytes would turn a task of 385 bytes into 858.
    ("hash-max-listpack-value", "1024"),
    ("hash-max-listpack-entries", "128"),
)
_COMMANDS = (
    "-@all +@read +@write +@scripting +@pubsub +@transaction +@connection -@dangerous -function "
    "+time +info +config|get +shutdown"
)


def render_configuration(settings: Settings, folder: str, password: str) -> str:
    """Return the file's text. `folder`: the data folder, absolute; the engine works and binds in it."""
    return "\n".join(f"{name} {value}" for name, value in _lines(settings, folder, password)) + "\n"


def _lines(settings: Settings, folder: str, password: str) -> list[tuple[str, str]]:
    digest = hashlib.sha256(password.encode()).hexdigest()
    return [
        # Only this user, only through the socket.
        ("dir", _quoted(folder)),
        ("port", "0"),
        ("unixsocket", SOCKET),
        ("unixsocketperm", "700"),
        ("user", "default off"),
        # A pattern one subscribes to is compared letter by letter with what the user may, not matched against
        # it: `&{ez:*` would refuse `{ez:x}:wake:*`. Channels carry hints only, so all are allowed.
        ("user", f"{ENGINE_USER} on #{digest} ~{{ez:* &* {_COMMANDS}"),
        # Acknowledged means kept. A torn end is cut back to whole scripts, damage before it stops the start.
        ("appendonly", "yes"),
        ("appendfsync", settings.engine_fsync),
        ("aof-load-truncated", "yes"),
        ("auto-aof-rewrite-min-size", "16mb"),
        ("save", '""'),
        ("maxmemory", str(settings.engine_max_bytes)),
        ("maxmemory-policy", "noeviction"),
        # Idle costs: hz 10 burns ten times as much as hz 1.
        ("hz", "1"),
        ("latency-tracking", "no"),
        ("maxclients", str(MAX_CLIENTS)),
        *(_COMPACT if settings.storage == "compact" else ()),
        # `ps` shows the data folder, and the log holds what matters.
        ("set-proc-title", "no"),
        ("loglevel", "warning"),
    ]


def _quoted(text: str) -> str:
    """A string in the engine's own notation, any byte allowed."""
    plain = b"".join(
        bytes([byte]) if 32 <= byte < 127 and byte not in b'"\\' else b"\\x%02x" % byte
        for byte in text.encode("utf-8", "surrogateescape")
    )
    return f'"{plain.decode("ascii")}"'
