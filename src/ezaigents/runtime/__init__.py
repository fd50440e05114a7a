"""The host: one process that runs many agents. Job: claim, run, settle, renew, sweep; each in a file of its own.

Not its job: what a task is (`queue`), what an agent does with it (`agents`), putting the parts together (`wiring`).
"""

from ezaigents.runtime.cache import Cache, make_cache
from ezaigents.runtime.delivery import Delivery, PollDelivery, PushDelivery
from ezaigents.runtime.host import Host

__all__ = ["Cache", "Delivery", "Host", "PollDelivery", "PushDelivery", "make_cache"]
