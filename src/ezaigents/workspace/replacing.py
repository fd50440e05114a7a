"""One target replaced, compared and swapped in one system call.

Job: three ways to change a target, each of which gives back what somebody wrote in between. Not its job: which
targets, in which order, and what then (applying).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ezaigents.codec import restored
from ezaigents.workspace.exchange import put, swap
from ezaigents.workspace.intent import Holding
from ezaigents.workspace.staging import Staging
from ezaigents.workspace.tree import Seen, Step, Tree, WayBlocked, look, name_of, parent_of, reason_of

_MOST_SWAPS = 1000
"""How often somebody's newer version is put back: enough for a person, and for any program that ends."""


class Failed(Exception):
    """A target could not be replaced, in words that go on from its path. `is_final`: nor will it ever be."""

    def __init__(self, words: str, *, is_final: bool) -> None:
        super().__init__(words)
        self.is_final = is_final


class _Place(NamedTuple):
    """A target and its staged file, as seen from the descriptor of the target's folder."""

    folder: int
    target: str
    staged: str


class Targets:
    """The targets of an intent, by the number of their operation. All raise Failed and ApplyTakenOver."""

    def __init__(
        self, holding: Holding, tree: Tree, staging: Staging, may_write: Callable[[], None], step: Step
    ) -> None:
        self._holding = holding
        self._tree = tree
        self._staging = staging
        self._may_write = may_write
        self._step = step
        self._paths = [restored(operation.path) for operation in holding.intent.operations]
        self.were_touched = False

    def states(self, number: int) -> tuple[Seen, Seen]:
        """What stands at a target and in staging; nothing at both where their folder is missing."""
        with contextlib.suppress(WayBlocked):
            if self._tree.missing(parent_of(self._paths[number])):
                return None, None
        with self._at(number) as place:
            return look(place.folder, place.target), look(place.folder, place.staged)

    def swap(self, number: int, putting: Seen, expected: Seen) -> bool:
        """Swap target and staged file. Whoever wrote in between has theirs back at the target; then False."""
        is_as_expected = True
        for _ in range(_MOST_SWAPS):
            self._guard(f"swap {self._paths[number]}")
            with self._at(number) as place:
                swap(place.folder, place.staged, place.target)
                out = look(place.folder, place.staged)
            if out == expected:
                break
            is_as_expected, putting, expected = False, out, putting
        return is_as_expected

    def take(self, number: int, expected: Seen) -> bool:
        """Move the target into staging. Whoever wrote in between has theirs back; then False."""
        self._guard(f"take away {self._paths[number]}")
        with self._at(number) as place:
            os.rename(place.target, place.staged, src_dir_fd=place.folder, dst_dir_fd=place.folder)
            out = look(place.folder, place.staged)
        if out == expected:
            return True
        self.put(number)
        return False

    def put(self, number: int) -> bool:
        """Move the staged file to where nothing is. False when something is."""
        self._guard(f"put {self._paths[number]}")
        with self._at(number) as place:
            try:
                put(place.folder, place.staged, place.target)
            except FileExistsError:
                return False
        return True

    def _guard(self, step: str) -> None:
        """Last of all before a target changes: is it still for us to do?"""
        self._may_write()
        self._holding.check()
        self.were_touched = True
        self._step(step)

    @contextlib.contextmanager
    def _at(self, number: int) -> Iterator[_Place]:
        path = self._paths[number]
        try:
            with self._tree.folder(parent_of(path)) as folder:
                yield _Place(folder, name_of(path), self._staging.name(number))
        except FileNotFoundError as error:
            self._holding.check()
            words = "was removed while the patch was applied, or its folder was"
            raise Failed(words, is_final=True) from error
        except WayBlocked as error:
            raise Failed(f"cannot be reached: {error}", is_final=True) from error
        except OSError as error:
            raise Failed(f"cannot be replaced ({reason_of(error)})", is_final=False) from error
