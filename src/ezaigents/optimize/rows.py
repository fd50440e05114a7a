"""The switches as they are shown: on the command line, over HTTP, on a page. Job: rows; pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ezaigents.optimize.choices import where_from
from ezaigents.optimize.switches import SWITCHES
from ezaigents.settings import Settings


class SwitchRow(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "from"}):
    """A switch. `on`: as chosen; `source`: by whom. `waits`: a running host has the other until its next start.

    `value`: that of `setting`. `at_once`: a running host takes a choice up. `optimised`, `plain`: what each of the two
    does.
    """

    name: str
    on: bool
    source: str
    waits: bool
    setting: str
    value: str | bool
    at_once: bool
    optimised: str
    plain: str


def switch_rows(
    chosen: Settings, running: Settings | None = None, environ: Mapping[str, str] | None = None
) -> list[SwitchRow]:
    """A row for each. `chosen`: what a start would have now; `running`: what a host has, None = not known."""
    return [
        SwitchRow(
            name=switch.name,
            on=switch.is_on(chosen),
            source=where_from(switch, chosen, environ),
            waits=running is not None and switch.is_on(running) is not switch.is_on(chosen),
            setting=switch.setting,
            value=switch.value(on=switch.is_on(chosen)),
            at_once=switch.is_live,
            optimised=switch.saves,
            plain=switch.plain,
        )
        for switch in SWITCHES
    ]
