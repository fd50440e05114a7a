"""Every page, and the files that pages need, as routes."""

from ezaigents.dashboard.assets import ROUTES as _ASSETS
from ezaigents.dashboard.pages.backlog import ROUTES as _BACKLOG
from ezaigents.dashboard.pages.costs import ROUTES as _COSTS
from ezaigents.dashboard.pages.files import ROUTES as _FILES
from ezaigents.dashboard.pages.fleet import ROUTES as _FLEET
from ezaigents.dashboard.pages.hand_in import ROUTES as _HAND_IN
from ezaigents.dashboard.pages.messages import ROUTES as _MESSAGES
from ezaigents.dashboard.pages.problems import ROUTES as _PROBLEMS
from ezaigents.dashboard.pages.resources import ROUTES as _RESOURCES
from ezaigents.dashboard.pages.run import ROUTES as _RUN
from ezaigents.dashboard.pages.scorecard import ROUTES as _SCORECARD
from ezaigents.dashboard.pages.settings import ROUTES as _SETTINGS
from ezaigents.dashboard.pages.switches import ROUTES as _SWITCHES
from ezaigents.dashboard.pages.task import ROUTES as _TASK
from ezaigents.dashboard.pages.tasks import ROUTES as _TASKS

_WORK = (*_TASKS, *_TASK, *_RUN, *_BACKLOG, *_HAND_IN)
_ITSELF = (*_RESOURCES, *_SCORECARD, *_SETTINGS, *_SWITCHES)
PAGES = (*_FLEET, *_WORK, *_MESSAGES, *_FILES, *_PROBLEMS, *_COSTS, *_ITSELF, *_ASSETS)
