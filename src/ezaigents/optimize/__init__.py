"""The optimisations, each with its plain alternative, and which of the two is in force."""

from ezaigents.optimize.choices import choose, in_force, where_from
from ezaigents.optimize.rows import SwitchRow, switch_rows
from ezaigents.optimize.switches import SWITCHES, Switch, environment, find_switch, switched_off

__all__ = [
    "SWITCHES",
    "Switch",
    "SwitchRow",
    "choose",
    "environment",
    "find_switch",
    "in_force",
    "switch_rows",
    "switched_off",
    "where_from",
]
