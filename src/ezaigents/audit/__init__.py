"""What was done, by whom, and who allowed it: an append-only file whose lines are chained by their hashes.

Job: append records, and find what was done to them since. Not its job: deciding what is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.audit.checking import Fault, FaultKind, verify
    from ezaigents.audit.log import AuditLog
    from ezaigents.audit.record import AuditKind, AuditRecord

__all__ = ["AuditKind", "AuditLog", "AuditRecord", "Fault", "FaultKind", "verify"]

_FILES = {
    "log": ("AuditLog",),
    "record": ("AuditKind", "AuditRecord"),
    "checking": ("Fault", "FaultKind", "verify"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
