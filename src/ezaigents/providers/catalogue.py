"""Who answers model calls, and how each is spoken to. Job: catalogue.toml and the user's own tables as records.

Not its job: keys (keys.py), which of it a workspace may set (overrides.py), prices (the budget room).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ezaigents.codec import from_plain
from ezaigents.errors import ConfigError, InputError
from ezaigents.policy import nearest_name
from ezaigents.providers.dialects import DIALECTS, Quirks
from ezaigents.providers.overrides import own_tables
from ezaigents.providers.urls import checked_url, url_of_host
from ezaigents.settings import Settings

_T = TypeVar("_T")
_SHIPPED = "catalogue.toml"


class Route(msgspec.Struct, frozen=True):
    """Which model of which provider. `str()` is `provider:model`, the form in which it is written everywhere."""

    provider: str
    model: str

    @classmethod
    def parse(cls, text: str) -> Route:
        """Read `provider:model`; the model's own name may hold colons. Raises InputError."""
        provider, colon, model = text.strip().partition(":")
        if not (provider and colon and model) or not text.isprintable() or " " in text.strip():
            raise InputError("model", f"takes PROVIDER:MODEL, such as anthropic:claude-sonnet-5-5, not {text[:80]!r}")
        return cls(provider, model)

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model. `window`: tokens in all. `max_output`: tokens of one answer. `listed`: none of it is assumed."""

    name: str
    window: int
    max_output: int
    quirks: Quirks
    listed: bool


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as its calls need it. `local`: works without a key.

    `window`, `max_output`, `quirks`: of models that are not listed.
    """

    name: str
    dialect: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    local: bool = False
    window: int
    max_output: int
    quirks: Quirks
    models: dict[str, Model]

    def model(self, name: str) -> Model:
        """The model of that name, or what is assumed of it: a provider brings out models faster than lists are made."""
        assumed = Model(name=name, window=self.window, max_output=self.max_output, quirks=self.quirks, listed=False)
        return self.models.get(name, assumed)


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """All providers by name. `simulated`: every one of them is the simulator."""

    providers: dict[str, Provider]
    simulated: bool = False

    def provider(self, name: str) -> Provider:
        """The provider of that name. Raises InputError with the nearest name there is."""
        found = self.providers.get(name)
        if found is None:
            hint = nearest_name(name, self.providers)
            known = f"did you mean {hint!r}?" if hint else f"known are {', '.join(self.providers)}"
            raise InputError("provider", f"no provider is called {name[:80]!r}; {known}")
        return found

    def model(self, route: Route) -> Model:
        """The model of a route. Raises InputError when there is no such provider."""
        return self.provider(route.provider).model(route.model)


class _ModelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    window: int = 0
    max_output: int = 0
    quirks: dict[str, Any] = {}


class _ProviderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[NAME]` in catalogue.toml and `[providers.NAME]` in ezaigents.toml."""

    dialect: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    base_url_variables: tuple[str, ...] = ()
    host_variable: str = ""
    local: bool = False
    window: int = 128_000
    max_output: int = 8_000
    quirks: dict[str, Any] = {}
    models: dict[str, _ModelTable] = {}


def load_catalogue(settings: Settings, environ: Mapping[str, str], *, simulated_at: str = "") -> Catalogue:
    """The shipped catalogue with the user's own tables over it, and addresses from the environment over both.

    `simulated_at`: the simulator's address, where `settings.models` is simulated; every provider is there then.
    Raises ConfigError naming the file, the table and the key; also where a workspace sets what only a trusted file may.
    """
    shipped = tomllib.loads(Path(__file__).with_name(_SHIPPED).read_text("utf-8"))
    own = own_tables(settings, environ)
    simulated = settings.models == "simulated"
    if simulated and not simulated_at:
        raise ConfigError(
            "models are simulated, and no simulator runs; start with `ez up --sim`, or set models = 'real'"
        )
    providers = {}
    for name in {**shipped, **own.tables}:
        where = f"{own.file}, [providers.{name}]" if name in own.tables else f"catalogue, [{name}]"
        made = _provider(name, _merged(shipped.get(name, {}), own.tables.get(name, {})), environ, where)
        providers[name] = _at_simulator(made, simulated_at) if simulated else made
    return Catalogue(providers=providers, simulated=simulated)


def _provider(name: str, raw: Mapping[str, Any], environ: Mapping[str, str], where: str) -> Provider:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"{where}: a provider's name takes letters, digits, '-' and '_'")
    table = _table(raw, where)
    quirks = _quirks(table.quirks, where)
    if table.dialect not in DIALECTS:
        raise ConfigError(f"{where}, dialect: takes one of {', '.join(DIALECTS)}, not {table.dialect[:80]!r}")
    models = {key: _model(key, one, table, f"{where}, models.{key}") for key, one in table.models.items()}
    return Provider(
        name=name,
        dialect=table.dialect,
        base_url=_base_url(table, environ, where),
        key_variables=table.key_variables,
        local=table.local,
        window=_tokens(table.window, f"{where}, window"),
        max_output=_tokens(table.max_output, f"{where}, max_output"),
        quirks=quirks,
        models=models,
    )


def _model(name: str, one: _ModelTable, table: _ProviderTable, where: str) -> Model:
    return Model(
        name=name,
        window=_tokens(one.window or table.window, f"{where}, window"),
        max_output=_tokens(one.max_output or table.max_output, f"{where}, max_output"),
        quirks=_quirks({**table.quirks, **one.quirks}, where),
        listed=True,
    )


def _table(raw: Mapping[str, Any], where: str) -> _ProviderTable:
    _check_keys(raw, _ProviderTable, where)
    models = raw.get("models", {})
    if isinstance(models, dict):
        for name, one in models.items():
            _check_keys(one if isinstance(one, dict) else {}, _ModelTable, f"{where}, models.{name}")
    for key in ("dialect", "base_url"):
        if not raw.get(key):
            raise ConfigError(f"{where}: a provider of your own needs {key!r}")
    return _converted(raw, _ProviderTable, where)


def _quirks(raw: Mapping[str, Any], where: str) -> Quirks:
    _check_keys(raw, Quirks, f"{where}, quirks")
    return _converted(raw, Quirks, f"{where}, quirks")


def _check_keys(raw: Mapping[str, Any], kind: type[msgspec.Struct], where: str) -> None:
    for key in raw:
        if key not in kind.__struct_fields__:
            hint = nearest_name(key, kind.__struct_fields__)
            raise ConfigError(f"{where}, key {key!r}: no such key" + (f"; did you mean {hint!r}?" if hint else ""))


def _converted(raw: Mapping[str, Any], kind: type[_T], where: str) -> _T:
    try:
        return from_plain(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {str(error).replace('`$.', '`').replace('Object', 'the table')}") from None


def _tokens(count: int, where: str) -> int:
    if not 256 <= count <= 2**40:
        raise ConfigError(f"{where}: takes a number of tokens from 256 up, not {count}")
    return count


def _base_url(table: _ProviderTable, environ: Mapping[str, str], where: str) -> str:
    for name in table.base_url_variables:
        if environ.get(name):
            return checked_url(environ[name], f"environment {name}")
    if table.host_variable and (host := environ.get(table.host_variable)):
        variable = f"environment {table.host_variable}"
        try:
            return checked_url(url_of_host(host, table.base_url), variable)
        except ValueError:
            raise ConfigError(f"{variable}: takes HOST:PORT, or an address") from None
    return checked_url(table.base_url, f"{where}, base_url")


def _at_simulator(provider: Provider, address: str) -> Provider:
    """The provider as the simulator plays it; only Anthropic's own library names addresses without the version."""
    suffix = "" if provider.dialect == "anthropic" else "/v1"
    url = checked_url(address, "the simulator's address")
    return msgspec.structs.replace(provider, base_url=url + suffix, local=False)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `under`, table by table."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
