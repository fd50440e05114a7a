"""Every page, and the files that pages need, as ways."""

from ezaigents.dashboard.assets import WAYS as _ASSETS
from ezaigents.dashboard.pages.fleet import WAYS as _FLEET
from ezaigents.dashboard.pages.hand_in import WAYS as _HAND_IN
from ezaigents.dashboard.pages.problems import WAYS as _PROBLEMS
from ezaigents.dashboard.pages.task import WAYS as _TASK
from ezaigents.dashboard.pages.tasks import WAYS as _TASKS

PAGES = (*_FLEET, *_TASKS, *_TASK, *_HAND_IN, *_PROBLEMS, *_ASSETS)
