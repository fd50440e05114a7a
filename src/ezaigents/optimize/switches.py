"""The switches: each names a setting, what it is when the optimisation is on, and the plain alternative.

Job: facts, and pure questions about them. Not its job: either implementation. Each is a small class of its own, behind
the seam of its room; the setting is read where those are put together.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ezaigents.errors import InputError
from ezaigents.policy import nearest_name
from ezaigents.settings import Settings


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """One optimisation. `on`, `off`: the values of its setting. `is_live`: a running host takes it up at once.

    `saves`, `plain`: what each of the two does, in half a sentence.
    """

    name: str
    setting: str
    on: str | bool
    off: str | bool
    is_live: bool
    saves: str
    plain: str

    @property
    def variable(self) -> str:
        """The variable of the environment that says what it is."""
        return f"EZ_{self.setting.upper()}"

    def is_on(self, settings: Settings) -> bool:
        """Which of the two the settings say."""
        return bool(getattr(settings, self.setting) == self.on)

    def value(self, *, on: bool) -> str | bool:
        """What its setting is then."""
        return self.on if on else self.off


SWITCHES = (
    Switch(
        name="shared-runtime",
        setting="runtime",
        on="shared",
        off="processes",
        is_live=False,
        saves="all agents run in one process",
        plain="each agent is a process of its own",
    ),
    Switch(
        name="bounded-memory",
        setting="memory",
        on="bounded",
        off="plain",
        is_live=False,
        saves="cache and history have limits, files are read in windows",
        plain="cache and history grow for ever, files are read whole",
    ),
    Switch(
        name="compact-storage",
        setting="storage",
        on="compact",
        off="plain",
        is_live=False,
        saves="messages and registrations hold what is needed, for their time",
        plain="messages and registrations are kept whole, for ever, in the engine's usual encoding",
    ),
    Switch(
        name="push-delivery",
        setting="delivery",
        on="push",
        off="poll",
        is_live=True,
        saves="work is announced",
        plain="every host looks for work every second",
    ),
    Switch(
        name="delta-heartbeat",
        setting="heartbeat",
        on="delta",
        off="full",
        is_live=True,
        saves="a host tells what changed, and every 30 s that it lives",
        plain="a host sends its full state every 5 s",
    ),
    Switch(
        name="pushed-dashboard",
        setting="dashboard_push",
        on=True,
        off=False,
        is_live=True,
        saves="pages are told what changed",
        plain="pages ask every 5 s",
    ),
    Switch(
        name="parallel-start",
        setting="start",
        on="parallel",
        off="sequential",
        is_live=False,
        saves="engine, code and hosts come up side by side",
        plain="one comes up after the other",
    ),
)
"""In the order of the plan's priorities."""


def find_switch(name: str) -> Switch:
    """The switch of this name. Raises InputError, with the nearest name."""
    by_name = {switch.name: switch for switch in SWITCHES}
    if name not in by_name:
        hint = nearest_name(name, by_name)
        raise InputError(
            "switch",
            f"no switch is called {name[:80]!r}" + (f"; did you mean {hint!r}?" if hint else "; see `ez switch`"),
        )
    return by_name[name]


def switched_off(settings: Settings) -> tuple[str, ...]:
    """The names of the optimisations that these settings go without."""
    return tuple(switch.name for switch in SWITCHES if not switch.is_on(settings))


def environment(off: Iterable[str]) -> dict[str, str]:
    """The variables under which a command goes without these optimisations. Raises InputError for an unknown name."""
    found = [find_switch(name) for name in off]
    return {switch.variable: str(switch.off).lower() for switch in found}
