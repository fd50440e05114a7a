"""The durable queue: tasks accepted, claimed under a lease and a fence, settled, put back, purged.

Source of the design: docs/architecture.md and docs/states.md; the transitions are in lua/, one file each.
"""

from ezaigents.queue.forgetting import forget
from ezaigents.queue.history import append_history, drop_old_history, find_in_history, old_folders
from ezaigents.queue.keys import Keys
from ezaigents.queue.limits import ANSWER_WITHIN_MS
from ezaigents.queue.queue import Held, Queue, Sweep, renew_args
from ezaigents.queue.scripts import Script, call_script, call_script_blocking, load_scripts, read_scripts
from ezaigents.queue.version import RESTORED_WORD, RESTORING_WORD, engine_version

__all__ = [
    "ANSWER_WITHIN_MS",
    "RESTORED_WORD",
    "RESTORING_WORD",
    "Held",
    "Keys",
    "Queue",
    "Script",
    "Sweep",
    "append_history",
    "call_script",
    "call_script_blocking",
    "drop_old_history",
    "engine_version",
    "find_in_history",
    "forget",
    "load_scripts",
    "old_folders",
    "read_scripts",
    "renew_args",
]
