"""From a proposed patch to the workspace. Job: apply it, or say why not. Not its job: making it (workspace).

An apply may die at any moment; whoever comes next brings it to an end (`Applier.recover`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.patches.apply import LEFT_APPLYING, Applier, ApplyOutcome, LeaseLost, NotApplicable

__all__ = [
    "LEFT_APPLYING",
    "Applier",
    "ApplyOutcome",
    "LeaseLost",
    "NotApplicable",
]

_FILES = {
    "apply": ("LEFT_APPLYING", "Applier", "ApplyOutcome", "LeaseLost", "NotApplicable"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
