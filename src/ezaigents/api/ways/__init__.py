"""Every way into the fleet, in the order in which they are looked through; see README.md of the room."""

from ezaigents.api.ways.agents import WAYS as _AGENTS
from ezaigents.api.ways.description import WAYS as _DESCRIPTION
from ezaigents.api.ways.entrance import WAYS as _ENTRANCE
from ezaigents.api.ways.events import WAYS as _EVENTS
from ezaigents.api.ways.health import WAYS as _HEALTH
from ezaigents.api.ways.runs import WAYS as _RUNS
from ezaigents.api.ways.tasks import WAYS as _TASKS

WAYS = (*_HEALTH, *_ENTRANCE, *_AGENTS, *_TASKS, *_RUNS, *_EVENTS, *_DESCRIPTION)
