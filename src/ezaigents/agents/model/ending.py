"""How an attempt ends. Job: the acceptance check, a person's word before a patch goes over his changes, the result.

Not its job: when it ends (session).
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from ezaigents.agents import HandBack, NeedsApproval
from ezaigents.agents.model import prompting
from ezaigents.agents.model.conversation import Conversation
from ezaigents.agents.model.journal import Checked, Ended
from ezaigents.agents.model.limits import CHECKS_MOST
from ezaigents.agents.model.report import write_report
from ezaigents.agents.model.work import Work
from ezaigents.codec import printable, restored
from ezaigents.errors import EzError, LimitReached
from ezaigents.policy import clip_bytes
from ezaigents.records import Approval, Result
from ezaigents.worktrees import CopiesUsedUp, CopyBusy

_CHECK_OUTPUT_MOST_BYTES = 16 * 1024
_NO_COPY_DELAY_S = 10.0
_NAMED_MOST = 5
_SUMMARY_MOST_BYTES = 2000


class Unchecked(Exception):
    """The work is done, and its check cannot be run, for good."""


async def is_accepted(work: Work) -> bool:
    """Whether the work counts as finished: where a check was given, it succeeds, or was tried often enough.

    Raises Unchecked, HandBack where no working copy is free.
    """
    talk, argv = work.talk, work.brief.check
    if not argv or work.claim.kind in prompting.READING_KINDS:
        return True
    if talk.check is not None and talk.is_check_fresh:
        return not talk.check.words
    if work.workshop.commands is None:
        raise Unchecked(f"the check cannot be run: {work.workshop.why_not}")
    try:
        ran = await work.workshop.check(argv, timeout_s=min(work.context.settings.command_s, work.time_left_s()))
    except (CopiesUsedUp, CopyBusy) as error:
        raise HandBack(str(error), delay_s=_NO_COPY_DELAY_S) from error
    except LimitReached as error:
        raise Unchecked(f"the check cannot be run: {error}") from error
    output = clip_bytes(work.clean(ran.output.decode("utf-8", "replace")), _CHECK_OUTPUT_MOST_BYTES)
    checked = Checked(work.now_ms(), argv, ran.exit_code, ran.ended, output)
    if ran.exit_code != 0 and talk.checks + 1 < CHECKS_MOST:
        words = prompting.check_failed(argv, checked.ending, output)
        checked = msgspec.structs.replace(checked, words=words)
    await work.note(checked)
    return not checked.words


async def end(work: Work, *, partial: str = "") -> Result:
    """The result: report, and the patch where files were changed. `partial`: why it was not finished, "" = it was.

    Raises NeedsApproval.
    """
    talk = work.talk
    check = talk.check
    if not partial and check is not None and check.exit_code != 0:
        partial = f"the check `{check.command}` {check.ending}"
    partial = partial or await _denied(work)
    summary, evidence = talk.finish or (work.clean(talk.said), "")
    report = await asyncio.to_thread(
        write_report, work.context.task_folder(), talk, summary=summary, evidence=evidence, partial=partial
    )
    if partial:
        summary = f"partial: {partial}" + (f"; {summary}" if summary else "")
    result = await asyncio.to_thread(work.context.propose, summary)
    await work.note(Ended(work.now_ms(), clip_bytes(summary, _SUMMARY_MOST_BYTES), bool(partial), work.claim.fence))
    name = str(report.relative_to(work.context.settings.home_path))
    return spent(work, msgspec.structs.replace(result, report=name, partial=bool(partial)))


def spent(work: Work, result: Result) -> Result:
    """The result with what the task has cost so far, all its attempts together."""
    talk = work.talk
    return msgspec.structs.replace(
        result,
        cost_microusd=talk.cost_microusd,
        simulated=talk.simulated,
        calls=talk.steps,
        tokens=talk.tokens,
    )


def why_gone_on(talk: Conversation) -> str:
    """What the model is told of an end that was not one."""
    check = talk.check
    if check is not None and check.exit_code != 0:
        return prompting.check_failed(check.argv, check.ending, check.output)
    return prompting.GO_ON.format(why=talk.ended.summary if talk.ended else "")


async def _denied(work: Work) -> str:
    """Ask a person before a patch goes over changes that git does not know; why it is not applied, "" = it may be."""
    run = await work.context.run()
    if run is None or not run.apply:
        return ""
    changes = await asyncio.to_thread(work.context.files.changes)
    paths = tuple(restored(change.path) for change in changes)
    try:
        dirty = await work.services.dirty(paths)
    except EzError as error:
        return f"it cannot be seen what git knows of the files ({error})"
    if not dirty:
        return ""
    question = NeedsApproval.about("apply", f"apply the patch over uncommitted changes in {_named(dirty)}")
    verdict = work.claim.answers.get(question.question)
    if verdict is None:
        await asyncio.to_thread(work.context.propose, "")  # whoever is asked about it can look at it
        raise question
    return "" if verdict is Approval.APPROVE else f"not applied: that was not allowed ({verdict})"


def _named(paths: tuple[str, ...]) -> str:
    """The files, or the first of them and what tells this list from others."""
    named = ", ".join(printable(path) for path in paths[:_NAMED_MOST])
    if len(paths) <= _NAMED_MOST:
        return named
    digest = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{clip_bytes(named, 200)} and {len(paths) - _NAMED_MOST} more (list {digest})"
