"""Using one tool that the model asked for. Job: what must not be done, what needs a person, the records around it.

Not its job: what the tool does (tools), what comes after (session).
"""

from __future__ import annotations

from ezaigents.agents import TaskFailed
from ezaigents.agents.model import prompting
from ezaigents.agents.model.journal import Did, Meant
from ezaigents.agents.model.limits import SAME_CALLS_MOST
from ezaigents.agents.model.pending import outcome_is_unknown
from ezaigents.agents.model.permission import question_about
from ezaigents.agents.model.work import CHANGING, Work
from ezaigents.agents.tools import Outcome, command_of
from ezaigents.audit import AuditKind, AuditRecord
from ezaigents.errors import EzError
from ezaigents.policy import clip_bytes
from ezaigents.providers import ToolCall
from ezaigents.records import Approval

_AUDITED_MOST_BYTES = 1500


async def use(work: Work, call: ToolCall) -> None:
    """Use one tool, unless it must not be used; its result is in the journal in any case.

    Raises NeedsApproval, TaskFailed, HandBack; then nothing was done.
    """
    outcome = await _refusal(work, call) or _needs_a_person(work, call)
    if outcome is None:
        outcome = await _done(work, call)
    finish = None
    if outcome.finish is not None:
        finish = (work.clean(outcome.finish.summary), work.clean(outcome.finish.evidence))
    did = Did(
        at_ms=work.now_ms(),
        call=call.id,
        text=outcome.text,
        failed=outcome.failed,
        malformed=outcome.malformed,
        changed=outcome.changed,
        files=work.context.files.log_bytes if outcome.changed else 0,
        finish=finish,
    )
    await _audit(work, call, "failed" if outcome.failed else "done")  # first: nothing is done that nobody can look up
    await work.note(did)


async def _done(work: Work, call: ToolCall) -> Outcome:
    """Have it done; what changes anything is announced before it, in the audit and in the journal."""
    is_effectful = work.toolbox.is_effectful(call.name)
    if is_effectful or call.name in (*CHANGING, "note"):
        await _audit(work, call, "begun", sync=is_effectful)
        await work.note(Meant(work.now_ms(), call.id))
    return await work.toolbox.use(call)


async def _refusal(work: Work, call: ToolCall) -> Outcome | None:
    """Why a call is answered without being carried out; None where it is carried out."""
    talk = work.talk
    if call.id == talk.cut:
        return Outcome(text=prompting.CALL_CUT_OFF, failed=True, malformed=True)
    times = talk.same_calls(call)
    if times >= SAME_CALLS_MOST - 1 and call.name != "finish":
        return Outcome(text=prompting.SAME_AGAIN.format(times=times), failed=True, malformed=True)
    if call.id in talk.meant and await outcome_is_unknown(call, work.context):
        return Outcome(text=prompting.UNKNOWN_OUTCOME, failed=True)
    return None


def _needs_a_person(work: Work, call: ToolCall) -> Outcome | None:
    """A command that nobody has allowed in advance: asked about, before it is meant; or denied, and told so."""
    argv = command_of(call.arguments) if call.name == "run" and work.workshop.commands is not None else ()
    try:
        question = question_about(argv, work.context.settings)
    except TaskFailed as too_long:
        return Outcome(text=str(too_long), failed=True)
    if question is None:
        return None
    verdict = work.claim.answers.get(question.question)
    if verdict is None:
        raise question
    if verdict is Approval.APPROVE:
        return None
    why = f": {work.claim.answer_why}" if work.claim.answer_why else ""
    return Outcome(text=f"{prompting.NOT_ALLOWED} ({verdict}){why}; do without it", failed=True)


async def _audit(work: Work, call: ToolCall, outcome: str, *, sync: bool = False) -> None:
    """Write it down. Raises TaskFailed where that cannot be done: nothing is to be done that nobody can look up."""
    record = AuditRecord(
        kind=AuditKind.TOOL,
        task=work.claim.id,
        fence=work.claim.fence,
        step=work.talk.steps,
        who=work.claim.agent,
        what=clip_bytes(work.clean(f"{call.name} {call.arguments}"), _AUDITED_MOST_BYTES),
        outcome=outcome,
    )
    try:
        await work.services.audit.note(record, sync=sync)
    except (EzError, OSError) as error:
        raise TaskFailed(f"the audit cannot be written: {error}", retryable=True) from error
