"""Every route, in the order in which they are looked through; see README.md of the room."""

from ezaigents.api.routes.agents import ROUTES as _AGENTS
from ezaigents.api.routes.description import ROUTES as _DESCRIPTION
from ezaigents.api.routes.events import ROUTES as _EVENTS
from ezaigents.api.routes.health import ROUTES as _HEALTH
from ezaigents.api.routes.runs import ROUTES as _RUNS
from ezaigents.api.routes.session import ROUTES as _SESSION
from ezaigents.api.routes.tasks import ROUTES as _TASKS

ROUTES = (*_HEALTH, *_SESSION, *_AGENTS, *_TASKS, *_RUNS, *_EVENTS, *_DESCRIPTION)
