"""Every page, and the files that pages need, as routes."""

from ezaigents.dashboard.assets import ROUTES as _ASSETS
from ezaigents.dashboard.pages.fleet import ROUTES as _FLEET
from ezaigents.dashboard.pages.hand_in import ROUTES as _HAND_IN
from ezaigents.dashboard.pages.problems import ROUTES as _PROBLEMS
from ezaigents.dashboard.pages.task import ROUTES as _TASK
from ezaigents.dashboard.pages.tasks import ROUTES as _TASKS

PAGES = (*_FLEET, *_TASKS, *_TASK, *_HAND_IN, *_PROBLEMS, *_ASSETS)
