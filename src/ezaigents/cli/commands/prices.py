"""`ez prices`: what models cost, and what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option, number

if TYPE_CHECKING:
    from ezaigents.budget import KnownPrice, Rates, ScopeState

_usd = number(0.000001, 1_000_000)


@click.group("prices", invoke_without_command=True)
@click.option("--spent", is_flag=True, help="Show what was spent of each limit, and what is left; asks the fleet.")
@json_option
@click.pass_context
def command(context: click.Context, spent: bool, as_json: bool) -> None:
    """List what models cost, in USD per million tokens, and who says so; set prices of your own.

    A call whose price nobody knows is not made. `~`: nobody says what this costs; it counts as dear as any provider.
    """
    if context.invoked_subcommand is None:
        _show_spent(as_json) if spent else _show_prices(as_json)
    elif as_json or spent:
        raise click.UsageError("--json and --spent go with the list, not with what changes it")


@command.command("set")
@click.argument("model", metavar="PROVIDER:MODEL")
@click.option("--input", "input_usd", type=_usd, metavar="USD", help="Per million input tokens.")
@click.option("--output", "output_usd", type=_usd, metavar="USD", help="Per million output tokens.")
@click.option("--cache-read", type=_usd, metavar="USD", help="Per million tokens read from the cache.")
@click.option("--cache-write", type=_usd, metavar="USD", help="Per million tokens written to it for five minutes.")
@click.option("--cache-write-1h", type=_usd, metavar="USD", help="Per million tokens written to it for an hour.")
@click.option("--free", is_flag=True, help="It costs nothing, such as a model on your own machine.")
def set_(model: str, input_usd: float | None, output_usd: float | None, free: bool, **cache: float | None) -> None:
    """Say what a model costs, in the place of what was known of it; `PROVIDER:*`: those without their own."""
    from ezaigents.budget import set_price
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say

    given = {"input": input_usd, "output": output_usd, **cache}
    table: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if free and table:
        raise click.UsageError("--free goes alone: a model that costs nothing has no other price")
    if not free and (input_usd is None or output_usd is None):
        raise click.UsageError("--input and --output are needed, in USD per million tokens; or --free")
    path = set_price(settings_here(), model, {"free": True} if free else table)
    say(f"the price of {model} is in {path}; hosts of yours take it up at once")


@command.command("forget")
@click.argument("model", metavar="PROVIDER:MODEL")
def forget(model: str) -> None:
    """Take back a price of your own; what was known before counts again."""
    from ezaigents.budget import forget_price
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say
    from ezaigents.errors import InputError

    if not forget_price(settings_here(), model):
        raise InputError("model", f"you have set no price of {model}; `ez prices` lists what is known, and from where")
    say(f"your price of {model} is forgotten; `ez prices` shows what counts now")


def _show_prices(as_json: bool) -> None:
    from ezaigents.budget import Prices
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import Column, show_json, show_table

    known = Prices.load(settings_here()).all()
    if as_json:
        show_json({"prices": [_price_row(one) for one in known]})
        return
    titles = ("Input", "Output", "Cache read", "Cache write")
    columns = [Column("Provider"), Column("Model", path=True), *(Column(title, right=True) for title in titles)]
    columns += [Column("From"), Column("Until"), Column("Source", text=True)]
    show_table(columns, [_cells(one) for one in known])


def _cells(known: KnownPrice) -> list[str]:
    price, base = known.price, known.price.base
    names = ("input", "output", "cache_read", "cache_write")
    figures = [f"{'~' if name in price.assumed else ''}{getattr(base, name) / 1e6:g}" for name in names]
    figures = ["free", "free", "", ""] if price.free else figures
    origin = "" if known.origin == "packaged" else f"{known.origin} "
    remark = f"{origin}{'unverified: ' if price.unverified else ''}{price.source}".strip()
    return [*price.model.split(":", 1), *figures, price.from_day, price.until_day, remark]


def _price_row(known: KnownPrice) -> dict[str, object]:
    price = known.price
    provider, _, model = price.model.partition(":")
    return {
        "provider": provider,
        "model": model,
        **_rates_row(price.base),
        "tiers": [{"above_input_tokens": tier.above, **_rates_row(tier.rates)} for tier in price.tiers],
        "batch": price.batch,
        "from": price.from_day,
        "until": price.until_day,
        "free": price.free,
        "unverified": price.unverified,
        "assumed": list(price.assumed),
        "source": price.source,
        "origin": known.origin,
    }


def _rates_row(rates: Rates) -> dict[str, float]:
    from msgspec.structs import asdict

    return {f"{name}_usd": amount / 1e6 for name, amount in asdict(rates).items()}


def _show_spent(as_json: bool) -> None:
    from ezaigents.budget import Budget
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.show import Column, show_json, show_table
    from ezaigents.cli.talk import say

    scopes = ask_fleet(lambda client: Budget(client.queue, client.settings.home_path).overview())
    if as_json:
        show_json({"scopes": [_scope_row(one) for one in scopes]})
    elif not scopes:
        say("no model was called yet: nothing is spent")
    else:
        columns = [Column("Budget", path=True)]
        columns += [Column(title, right=True) for title in ("Limit", "Spent", "Reserved", "Left", "Calls")]
        show_table(columns, [_scope_cells(one) for one in scopes])


def _scope_cells(state: ScopeState) -> list[str]:
    from ezaigents.budget import shown_usd

    limit, left = (shown_usd(state.limit), shown_usd(state.left)) if state.has_limit else ("", "")
    return [state.scope, limit, shown_usd(state.spent), shown_usd(state.reserved), left, f"{state.calls:,}"]


def _scope_row(state: ScopeState) -> dict[str, object]:
    return {
        "scope": state.scope,
        "limit_microusd": state.limit if state.has_limit else None,
        "spent_microusd": state.spent,
        "reserved_microusd": state.reserved,
        "left_microusd": state.left if state.has_limit else None,
        "calls": state.calls,
        "input_tokens": state.input_tokens,
        "output_tokens": state.output_tokens,
        "used_ms": state.used_ms,
    }
