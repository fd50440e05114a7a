"""Every route, in the order in which they are looked through; see README.md of the room."""

from ezaigents.api.routes.agents import ROUTES as _AGENTS
from ezaigents.api.routes.backlog import ROUTES as _BACKLOG
from ezaigents.api.routes.chat import ROUTES as _CHAT
from ezaigents.api.routes.costs import ROUTES as _COSTS
from ezaigents.api.routes.description import ROUTES as _DESCRIPTION
from ezaigents.api.routes.events import ROUTES as _EVENTS
from ezaigents.api.routes.health import ROUTES as _HEALTH
from ezaigents.api.routes.messages import ROUTES as _MESSAGES
from ezaigents.api.routes.metrics import ROUTES as _METRICS
from ezaigents.api.routes.resources import ROUTES as _RESOURCES
from ezaigents.api.routes.runs import ROUTES as _RUNS
from ezaigents.api.routes.scorecard import ROUTES as _SCORECARD
from ezaigents.api.routes.session import ROUTES as _SESSION
from ezaigents.api.routes.switches import ROUTES as _SWITCHES
from ezaigents.api.routes.tasks import ROUTES as _TASKS
from ezaigents.api.routes.workspace import ROUTES as _WORKSPACE

_SELF = (*_SWITCHES, *_RESOURCES, *_METRICS, *_DESCRIPTION)
_LOOK = (*_RUNS, *_BACKLOG, *_COSTS, *_SCORECARD, *_WORKSPACE)
ROUTES = (*_HEALTH, *_SESSION, *_AGENTS, *_TASKS, *_LOOK, *_MESSAGES, *_EVENTS, *_CHAT, *_SELF)
