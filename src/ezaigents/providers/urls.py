"""Where a provider is. Job: say which addresses are taken, and what `OLLAMA_HOST` means. Not its job: who may set one.

Keys go there, so it is https; plain http only within the machine and the user's own network. Redirects are never
followed (client.py), so that what is checked here is where the key goes.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from ezaigents.errors import ConfigError

_OWN_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Names that no public resolver answers for."""


def checked_url(url: str, where: str) -> str:
    """Return the address without a slash at its end. Raises ConfigError naming `where` it was set."""
    try:
        parts = urlsplit(url.strip())
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{where}: is no address; give one such as https://api.example.com/v1") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{where}: holds a user name or a password; keys belong into `ez keys set`")
    if parts.scheme not in ("http", "https") or not host or not _is_plain(url):
        raise ConfigError(f"{where}: takes an address that begins with https:// (http:// for your own machines)")
    if parts.query or parts.fragment:
        raise ConfigError(f"{where}: takes an address without `?` and `#`")
    if _is_link_local(host):
        raise ConfigError(f"{where}: {host} is where machines keep their own secrets; give another address")
    if parts.scheme == "http" and not is_own(host):
        raise ConfigError(f"{where}: takes https:// for {host}, which is not within your own network: keys go there")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def url_of_host(host: str, default: str) -> str:
    """The address that a host variable means (`host`, `host:port` or a whole one); what it leaves out is `default`'s.

    A server's own word for "every address of this machine" means this machine.
    """
    usual = urlsplit(default)
    given = urlsplit(host if "://" in host else f"{usual.scheme}://{host}")
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(given.hostname or "", given.hostname or "")  # noqa: S104
    port = given.port or (usual.port if given.scheme == usual.scheme else None)
    shown = f"[{name}]" if ":" in name else name
    netloc = f"{shown}:{port}" if port else shown
    return urlunsplit((given.scheme, netloc, given.path.rstrip("/") or usual.path, "", ""))


def is_own(host: str) -> bool:
    """Whether that is this machine or within the user's own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_OWN_ENDINGS)
    return address.is_private or address.is_loopback


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


def _is_plain(url: str) -> bool:
    return url.strip().isascii() and url.strip().isprintable() and not set(url.strip()) & set(' "<>\\^`{|}')
