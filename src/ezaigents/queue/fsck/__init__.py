"""Is the queue's state consistent, and making it so again. Job: look at every key, name what disagrees, mend it.

The tasks' own records are the truth; whatever can be made from them is only checked against them.
Not its job: printing (cli), deciding that no host is at work (cli). Imported by those who check, never by a host.
"""

from ezaigents.queue.fsck.check import OtherCheck, check
from ezaigents.queue.fsck.repair import repair
from ezaigents.queue.fsck.report import INVARIANTS, Finding, FsckReport, Invariant

__all__ = ["INVARIANTS", "Finding", "FsckReport", "Invariant", "OtherCheck", "check", "repair"]
