"""Applying a proposal to the workspace: all of it or nothing, and never over somebody's edit.

Job: the order of steps, undoing, recovery. Not its job: file leases and the task's state (patches), the single steps
(survey, intent, staging, exchange). What is promised, and why it holds:

**Nobody's edit is overwritten.** A target is replaced by one system call that swaps it with the staged file, or that
fails where a file has appeared; then what came out is compared with what was expected. If it is anything else,
somebody wrote in between: theirs goes back the same way, until what comes out is only ours. A last look at
everything swapped out finds programs that still had a former file open; what they write after it, until the file is
removed, is kept among the blobs and named. From then on they write to a file without a name, as with any editor that
saves by renaming.

**All or nothing, whatever is killed when.** Before the first change the intent file names every path with the content
before and after; originals are among the blobs. Until "done" is on the disk each path is in one of few states: target
`before`, or target `after` with `before` (if any) in staging. So recovery finishes from any mixture of them. A third
content anywhere means that somebody wrote: then all is undone, each by the same swap, and theirs stays. Undoing takes
only renames, so a full disk cannot stop it. After "done" there are only rests to remove.

**A frozen holder that wakes up changes nothing.** Let A be stopped anywhere, and B recover. B first renames the
intent file (1), then each staging folder (2); only then does it look at a target. A stages (3), then before each
exchange checks that the intent file has its name (4), then exchanges by a path through its staging folder (5).
 - A stopped before (4), for this exchange: it finds the intent renamed and stops. A staging folder it makes again on
   its way there is its own rubbish, which it removes.
 - A stopped between (4) and (5): (4) came before (1), so all of (3) came before (2), and B renamed every folder that A
   could exchange through. (5) came before (2), and B sees its outcome; or after, and it fails with ENOENT, also where
   it takes a file away, because the folder into which it would is gone.
 - A stopped after (5), before it looked at what came out, or while it puts something back: what came out lies in the
   folder that B has; B judges it as A would have. A's next step fails with ENOENT.
 - A stopped while it undoes: the same. While it removes staged files: they are no longer where it looks for them.
   While it removes the intent: that has another name, and A is told so. After "done": both only remove rests.
 - A stopped before the intent is there: there is nothing to recover. When it wakes, its leases are gone, and
   `may_write` says so before (5).
B may be stopped and taken over by B2 in the same way: every holder has names of its own, no name is used twice, and
of several that rename the intent file one succeeds. An apply C that follows has another tag, thus other folders.
Where renameat2 is missing the swap is the weaker form that exchange describes; the rest holds as it is.

Not covered: a folder that somebody moves elsewhere in the middle takes its staging folder along; its paths are in
conflict, and what was swapped out is in there and among the blobs. Attributes beyond permissions and owner (ACLs,
extended ones) are not carried over. A file in the place of a folder, or the other way round, is a conflict.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ezaigents.codec import restored, storable
from ezaigents.workspace.applied import Applied, ApplyTakenOver, ApplyUnfinished, NoRoomToApply
from ezaigents.workspace.changes import Proposal
from ezaigents.workspace.errors import DiskFull, FileRefused
from ezaigents.workspace.intent import Holding, Intent, Operation, check_tag, claim, done_intents, publish
from ezaigents.workspace.replacing import Failed, Targets
from ezaigents.workspace.staging import Staging
from ezaigents.workspace.storing import sync_folder, told_when_full
from ezaigents.workspace.survey import survey
from ezaigents.workspace.tree import Seen, Step, Tree, WayBlocked, parent_of, reason_of

_CHANGED = "was changed while the patch was applied; that version stands"
_APPEARED = "appeared while the patch was applied; that file stands"


def _no_step(_: str) -> None:
    pass


def apply_proposal(
    root: Path,
    proposal: Proposal,
    blobs: Path,
    *,
    intent: Path,
    tag: str,
    hidden: Path | None = None,
    merge: bool = False,
    may_write: Callable[[], None],
    step: Step = _no_step,
    keep_record: bool = False,
) -> Applied:
    """Bring a proposal into the tree beneath `root`, all of it or nothing.

    `blobs`: contents by SHA-256, where originals and merges are kept too. `intent`: the file `<tag>.json` in the data
    folder, gone again at the end. `tag`: letters, digits, _ and -; never used again. `hidden`: the data folder, never
    touched. `merge`: where a text was changed since, put both changes together if they do not meet.
    `may_write` raises when our file leases are not surely ours any more; called before the intent is written and
    before each exchange. If it raises before the first exchange, nothing was changed; later, the intent file stays
    and `recover_apply` is due, as after a crash. Overlapping intents must be recovered before an apply.
    Raises PathProtected, PathOutside, FileRefused: not to be done, nothing was changed; NoRoomToApply: the same;
    ApplyTakenOver, ApplyUnfinished.
    """
    check_tag(tag, intent)
    with _before_any_change(root):
        found = survey(Tree(root, hidden), proposal, blobs, merge=merge, step=step)
    if found.conflicts or not found.operations:
        return Applied(state="conflict" if found.conflicts else "applied", conflicts=found.conflicts)
    may_write()
    record = Intent(
        root=storable(str(root)),
        blobs=storable(str(blobs)),
        hidden=storable(str(hidden)) if hidden else "",
        operations=found.operations,
        folders=found.folders,
        merged=found.merged,
    )
    with _before_any_change(root):
        holding = publish(intent, tag, record, step)
    return _Work(holding, may_write, step, keep_record=keep_record).begin()


def recover_apply(
    intent: Path, *, may_write: Callable[[], None], step: Step = _no_step, keep_record: bool = False
) -> Applied | None:
    """Finish or undo an apply that was left behind, having taken it from whoever may still be at it.

    `intent`: as given to `apply_proposal`, or as in a PendingApply. None: it had come to its end, or never began.
    May be killed and repeated. Raises IntentDamaged, NoRoomToApply when it had to undo for lack of room, and as
    `apply_proposal` where it could do neither; then the intent file stays.
    """
    may_write()
    try:
        holding = claim(intent, step)
    except OSError as error:
        raise ApplyUnfinished(intent.stem, intent, reason_of(error)) from error
    return None if holding is None else _Work(holding, may_write, step, keep_record=keep_record).resume()


def forget_apply(folder: Path, tag: str, *, step: Step = _no_step) -> None:
    """Remove the record of an apply that is in the tree, once whoever must know of it does. May be repeated.

    Until then recovering it says again that it is applied, whatever was done to the files since.
    """
    for path in done_intents(folder, tag):
        step("remove intent")
        path.unlink(missing_ok=True)
        sync_folder(folder)


class _Work:
    """One holder's way through an intent."""

    def __init__(self, holding: Holding, may_write: Callable[[], None], step: Step, *, keep_record: bool) -> None:
        intent = holding.intent
        self._holding = holding
        self._keeps_record = keep_record
        self._step = step
        self._tree = Tree(Path(restored(intent.root)), Path(restored(intent.hidden)) if intent.hidden else None)
        self._staging = Staging(holding, self._tree, step)
        self._targets = Targets(holding, self._tree, self._staging, may_write, step)
        self._conflicts: dict[str, str] = {}

    def begin(self) -> Applied:
        """Do all of it, as the first to do anything."""
        with self._leaving_when_taken_over():
            try:
                self._stage(self._numbered())
                return self._carry_out()
            except BaseException:
                if not self._targets.were_touched:
                    self._withdraw()
                raise

    def resume(self) -> Applied:
        """Go on from whatever state others left."""
        with self._leaving_when_taken_over(), self._or_unfinished():
            self._staging.capture()
            if self._holding.is_done:
                return self._clean_up()
            if self._is_strange():
                return self._undo()
            try:
                self._stage([each for each in self._numbered() if not self._is_settled(*each)])
            except (NoRoomToApply, FileRefused):
                self._holding.check()
                self._undo()
                raise
            return self._carry_out()

    def _stage(self, operations: list[tuple[int, Operation]]) -> None:
        with _before_any_change(self._tree.root):
            for number, operation in operations:
                try:
                    self._staging.stage(number)
                except WayBlocked as blocked:
                    self._note(operation, f"cannot be reached: {blocked}")

    def _is_settled(self, number: int, operation: Operation) -> bool:
        try:
            return self._targets.states(number)[0] == operation.after
        except Failed:
            return True  # it is said with its reason when its turn comes

    def _carry_out(self) -> Applied:
        with self._or_unfinished():
            for number, operation in self._numbered():
                if not self._conflicts:
                    self._note(operation, self._exchange(number, operation))
            self._sync()
            if self._conflicts or self._is_strange(only_staged=True):
                return self._undo()
            self._holding.finish()
            return self._clean_up()

    def _exchange(self, number: int, operation: Operation) -> str:
        """Bring one target from `before` to `after`; "" or why not."""
        try:
            now, staged = self._targets.states(number)
            if now == operation.after:
                return ""
            if now != operation.before or staged != operation.after:
                return _CHANGED
            if now is None:
                return "" if self._targets.put(number) else _APPEARED
            if staged is None:
                return "" if self._targets.take(number, now) else _CHANGED
            return "" if self._targets.swap(number, staged, now) else _CHANGED
        except Failed as failure:
            return str(failure)

    def _is_strange(self, *, only_staged: bool = False) -> bool:
        """Say whether a target, or what lies in staging, is not as an apply leaves it, and note which."""
        for number, operation in self._numbered():
            try:
                now, staged = self._targets.states(number)
            except Failed as failure:
                self._note(operation, str(failure))
                continue
            is_known = only_staged or now in {operation.before, operation.after}
            if not is_known or not self._staging.is_ours(number, staged):
                self._note(operation, _CHANGED)
        return bool(self._conflicts)

    def _undo(self) -> Applied:
        """Bring back what was there before, except where somebody wrote since."""
        for number, operation in reversed(self._numbered()):
            try:
                self._restore(number, operation)
            except Failed as failure:
                if not failure.is_final:
                    raise ApplyUnfinished(self._holding.tag, self._holding.path, str(failure)) from failure
                self._note(operation, str(failure))
        self._sync()
        self._drop()
        self._remove_made_folders()
        self._holding.end()
        return Applied(state="conflict", conflicts=tuple(sorted(self._conflicts.items())))

    def _restore(self, number: int, operation: Operation) -> None:
        now, out = self._targets.states(number)
        if now not in {operation.before, operation.after}:
            self._note(operation, _CHANGED)
        # Of a new file nothing was swapped out: that it is not in staging any more shows that we put it there.
        elif now == operation.after and (out == operation.before or not self._staging.is_ours(number, out)):
            done = self._bring_back(number, now, out)
            self._note(operation, "" if done else _CHANGED)

    def _bring_back(self, number: int, now: Seen, out: Seen) -> bool:
        if now is None:
            return self._targets.put(number)
        if out is None:
            return self._targets.take(number, now)
        return self._targets.swap(number, out, now)

    def _clean_up(self) -> Applied:
        """Remove the rests of an apply that is done."""
        self._drop()
        for operation in self._holding.intent.operations:
            folder = parent_of(restored(operation.path)) if operation.after is None else ""
            while folder and self._tree.remove_empty(folder, self._step):
                folder = parent_of(folder)
        if not self._keeps_record:
            self._holding.end()
        return Applied(
            state="applied",
            conflicts=tuple(sorted(self._conflicts.items())),
            merged=self._holding.intent.merged,
            written=tuple(sorted(operation.path for operation in self._holding.intent.operations)),
        )

    def _withdraw(self) -> None:
        """Leave no trace: nothing was exchanged."""
        self._holding.check()
        self._staging.drop()
        self._remove_made_folders()
        self._holding.end()

    def _numbered(self) -> list[tuple[int, Operation]]:
        return list(enumerate(self._holding.intent.operations))

    def _note(self, operation: Operation, words: str) -> None:
        if words:
            self._conflicts.setdefault(operation.path, words)

    def _drop(self) -> None:
        for number, words in self._staging.drop().items():
            path = self._holding.intent.operations[number].path
            self._conflicts[path] = "; ".join(filter(None, (self._conflicts.get(path), words)))

    def _sync(self) -> None:
        """Bring to the disk which file is where."""
        made = {parent_of(restored(folder)) for folder in self._holding.intent.folders}
        for folder in {*self._staging.folders, *made}:
            self._tree.sync(folder)

    def _remove_made_folders(self) -> None:
        for folder in reversed(self._holding.intent.folders):
            self._tree.remove_empty(restored(folder), self._step)

    @contextlib.contextmanager
    def _leaving_when_taken_over(self) -> Iterator[None]:
        try:
            yield
        except ApplyTakenOver:
            self._staging.leave()
            raise

    @contextlib.contextmanager
    def _or_unfinished(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._holding.check()
            raise ApplyUnfinished(self._holding.tag, self._holding.path, reason_of(error)) from error


@contextlib.contextmanager
def _before_any_change(root: Path) -> Iterator[None]:
    try:
        with told_when_full(root):
            yield
    except DiskFull as error:
        raise NoRoomToApply(error.path) from error
    except OSError as error:
        path = str(error.filename or root)
        raise FileRefused(path, f"cannot be used ({reason_of(error)}), so nothing was changed; mend that") from error
