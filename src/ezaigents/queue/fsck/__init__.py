"""Is the queue's state consistent, and making it so again. Job: look at every key, name what disagrees, mend it.

The tasks' own records are the truth; whatever can be made from them is only checked against them.
Not its job: printing (cli), deciding that no host is at work (cli). Imported by those who check or
count, never by a host that nobody asks.
"""

from ezaigents.queue.fsck.check import OtherCheck, check
from ezaigents.queue.fsck.names import ALL_SORTS, Sort, sort_of
from ezaigents.queue.fsck.repair import repair
from ezaigents.queue.fsck.report import INVARIANTS, Finding, FsckReport, Invariant
from ezaigents.queue.fsck.survey import scan

__all__ = [
    "ALL_SORTS",
    "INVARIANTS",
    "Finding",
    "FsckReport",
    "Invariant",
    "OtherCheck",
    "Sort",
    "check",
    "repair",
    "scan",
    "sort_of",
]
