"""How a host is set, and which keys there are, as may be shown. Job: rows without a secret in them.

Not its job: changing any of it (`ezaigents.toml`, `ez keys`).
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from ezaigents.settings import Settings

_TABLES = ("providers", "prices")


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it is in force. `value`, `default`: as text; passwords of URLs are left out."""

    name: str
    value: str
    default: str
    is_default: bool


class KeyPresence(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's keys, as `ez keys --json` prints them. `sources`: where they are from."""

    provider: str
    present: bool
    count: int
    sources: list[str]
    state: str
    problem: str


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting, in the order of docs/settings.md."""
    defaults = Settings()
    rows = []
    for name in Settings.__struct_fields__:
        value, default = getattr(settings, name), getattr(defaults, name)
        rows.append(
            SettingRow(name=name, value=_shown(name, value), default=_shown(name, default), is_default=value == default)
        )
    return rows


def key_rows(settings: Settings) -> list[KeyPresence]:
    """Every provider of the catalogue; reads files."""
    from ezaigents.clock import SystemClock
    from ezaigents.providers import make_keys, real_catalogue

    keys = make_keys(settings, real_catalogue(settings, os.environ), os.environ, SystemClock())
    return [
        KeyPresence(
            provider=row.provider,
            present=row.count > 0,
            count=row.count,
            sources=list(row.sources),
            state=row.health,
            problem=row.problem,
        )
        for row in keys.describe()
    ]


def _shown(name: str, value: Any) -> str:
    if name in _TABLES:
        return ", ".join(sorted(value))
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return without_password(text) if "://" in text else text


def without_password(url: str) -> str:
    """A URL without user and password, which may stand before the last @ of its authority, and without its query."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{path.partition('?')[0]}"
