"""Where an engine listens, as one record. Job: parse and show addresses. Not its job: connecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ezaigents.errors import ConfigError

if TYPE_CHECKING:
    from ssl import SSLContext


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A unix socket (`path`) or a host and port, with who to log in as. `str()` never shows the password.

    `ca_file`: whom to trust over TLS, "" = whom the system trusts.
    """

    path: str = ""
    host: str = ""
    port: int = 6379
    tls: bool = False
    ca_file: str = ""
    user: str = ""
    password: str = ""
    db: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.db}"

    def __repr__(self) -> str:
        return f"Address({self})"


def parse_url(url: str, name: str = "EZ_REDIS_URL") -> Address:
    """Read redis://, rediss:// or unix:// (user, password and /db as usual; unix takes ?db=N).

    `name`: where the URL was given. Raises ConfigError, without the password in it, for anything else.
    """
    from urllib.parse import parse_qs, unquote, urlsplit  # most fleets have no URL, and need not keep it in memory

    try:
        parts = urlsplit(url)
        port = parts.port or 6379
        query = parse_qs(parts.query)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix" and parts.path:
            db = int(query.get("db", ["0"])[0])
            return Address(path=unquote(parts.path), user=user, password=password, db=db)
        if parts.scheme in ("redis", "rediss") and parts.hostname:
            db = int(parts.path.strip("/") or "0")
            tls = parts.scheme == "rediss"
            return Address(host=parts.hostname, port=port, tls=tls, user=user, password=password, db=db)
    except ValueError:
        pass
    scheme = url.split(":", 1)[0] if ":" in url else "nothing"
    if "sentinel" in scheme or "cluster" in scheme:
        raise ConfigError(f"{name}: {scheme}:// is not supported yet; give the redis:// URL of one server")
    raise ConfigError(
        f"{name}: takes redis://HOST[:PORT][/DB], rediss://... or unix:///PATH, not a URL that begins with {scheme!r}"
    )


def login_commands(address: Address, client_name: str) -> list[tuple[str, ...]]:
    """The commands that open a connection: RESP3 with the login, and the database where it is not 0."""
    hello: tuple[str, ...] = ("HELLO", "3")
    if address.password:
        hello += ("AUTH", address.user or "default", address.password)
    hello += ("SETNAME", client_name)
    commands = [hello]
    if address.db:
        commands.append(("SELECT", str(address.db)))
    return commands


def tls_context(address: Address) -> SSLContext | None:
    """How to speak TLS with that address; None = plainly. Raises OSError for a `ca_file` that cannot be read."""
    if not address.tls:
        return None
    import ssl

    return ssl.create_default_context(cafile=address.ca_file or None)
