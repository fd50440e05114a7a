"""Where a task stands, as its journal tells. Job: from records to turns, counts and what comes next; pure.

The loop appends each record to the journal and then takes it here, so that going on after a crash and going on without
one are the same thing. Not its job: carrying anything out (session), wording (prompting).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ezaigents.agents.model.journal import (
    Answered,
    Asked,
    Began,
    Checked,
    Did,
    Ended,
    Folded,
    Meant,
    Paused,
    Record,
    Reopened,
    Tried,
)
from ezaigents.providers.transcript import Part, Role, Stop, Text, Thinking, ToolCall, ToolResult, Turn

FOLD_KEEPS_TURNS = 6
"""The newest turns stay whole when older ones are folded."""
_FOLD_LEAST_BYTES = 400
"""A shorter answer is not worth leaving out."""
LEFT_OUT = "[left out to make room: {size:,} bytes; use the tool again if it matters]"


class Situation(StrEnum):
    """What comes next. `tools`: a call waits for its result. `finished`: the model called finish. `ask`: its turn.

    `cut`: its answer was cut off, and it has not been told. `empty`: it said nothing, and has not been told.
    `refused`: it will not do it. `said`: it had no more to say.
    """

    TOOLS = "tools"
    FINISHED = "finished"
    ASK = "ask"
    CUT = "cut"
    EMPTY = "empty"
    REFUSED = "refused"
    SAID = "said"


class Conversation:
    """The state of one task. `take` every record in order; nothing else changes it."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.steps = 0
        self.tokens = 0
        self.cost_microusd = 0
        self.simulated = False
        self.routes: dict[str, int] = {}
        """How many answers each route gave."""
        self.marks: set[str] = set()
        self.malformed = 0
        """Answers with a call that was wrong in itself, one after the other."""
        self.empty = 0
        """Answers without a word or a call, one after the other."""
        self.rounds = 0
        """Times that no provider could be asked, or answered, since the newest answer."""
        self.worked_ms = 0
        """How long the attempts worked, as far as their records show."""
        self.stop = Stop.END
        self.finish: tuple[str, str] | None = None
        self.ended: Ended | None = None
        """How the newest attempt ended, where it came to its end and was not reopened."""
        self.check: Checked | None = None
        self.checks = 0
        self.is_check_fresh = False
        """Whether nothing has been done since the newest check."""
        self.changed: dict[str, None] = {}
        self.window_tokens = 0
        """Input and output of the newest call: what the next one begins with."""
        self.pending: list[ToolCall] = []
        self.meant: set[str] = set()
        self.cut = ""
        """The call in which the newest answer broke off at its limit."""
        self._untold: Situation | None = None
        self._wrong_now = False
        self._same: dict[tuple[str, str], tuple[str, int]] = {}
        self._calls: dict[str, ToolCall] = {}
        self._turns: list[Turn] = []
        self._results: list[ToolResult] = []
        self._words: list[Text] = []
        self._new_bytes = 0
        self._began_ms = 0
        self._earlier_ms = 0
        for record in records:
            self.take(record)

    # -- what it comes to ----------------------------------------------------------------------------------------

    def situation(self) -> Situation:
        """What comes next."""
        if self.pending:
            return Situation.TOOLS
        if self.finish is not None:
            return Situation.FINISHED
        if self._untold is not None:
            return self._untold
        if self._is_refused and not self._new_bytes:
            return Situation.REFUSED
        if self._results or self._words:
            return Situation.ASK
        return Situation.REFUSED if self._is_refused else Situation.SAID

    @property
    def _is_refused(self) -> bool:
        return self.stop is Stop.REFUSAL

    @property
    def is_begun(self) -> bool:
        """Whether the task was put to the model."""
        return bool(self._turns or self._words)

    @property
    def said(self) -> str:
        """The newest words of the model, "" where it said nothing."""
        for turn in reversed(self._turns):
            if turn.role is Role.ASSISTANT:
                return "\n".join(part.text for part in turn.parts if isinstance(part, Text)).strip()
        return ""

    def turns(self) -> tuple[Turn, ...]:
        """What is sent with the next call."""
        open_turn: tuple[Part, ...] = (*self._results, *self._words)
        return (*self._turns, Turn(Role.USER, open_turn)) if open_turn else tuple(self._turns)

    def next_tokens(self) -> int:
        """About how many tokens the next call has: the last one's, and a token for three bytes of what is new."""
        return self.window_tokens + self._new_bytes // 3

    def same_calls(self, call: ToolCall) -> int:
        """How often this very call was answered with the same, since something last changed."""
        return self._same.get((call.name, call.arguments), ("", 0))[1]

    def foldable(self) -> int:
        """How many turns from the first one may be folded now, 0 where that would win nothing."""
        until = max(0, len(self._turns) - FOLD_KEEPS_TURNS)
        wins = any(_folded(turn) is not turn for turn in self._turns[:until])
        return until if wins else 0

    # -- going on ------------------------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Go on by one record."""
        match record:
            case Began():
                self._began(record)
            case Asked():
                self._asked(record.text)
                self.marks.update(record.marks)
            case Answered():
                self._answered(record)
            case Tried() | Meant() | Paused() | Ended():
                self._marked(record)
            case Did():
                self._did(record)
            case Folded():
                self._turns[: record.turns] = [_folded(turn) for turn in self._turns[: record.turns]]
                self._same.clear()  # what was left out may be looked at again
            case Checked():
                self._checked(record)
            case Reopened():
                self.finish = self.ended = None
                self._same.clear()
                self.checks = 0
                self._asked(record.text)
        if self._began_ms:
            self.worked_ms = self._earlier_ms + max(0, record.at_ms - self._began_ms)

    def _marked(self, record: Tried | Meant | Paused | Ended) -> None:
        match record:
            case Tried():
                self.cost_microusd += record.cost_microusd
                self.rounds += 1
            case Meant():
                self.meant.add(record.call)
            case Paused():
                self._began_ms += record.for_ms  # not its time
            case Ended():
                self.ended = record

    def _began(self, record: Began) -> None:
        self._earlier_ms, self._began_ms = self.worked_ms, record.at_ms
        self.empty = self.malformed = 0
        if self.situation() is Situation.REFUSED:  # whoever has it tried again has it asked again
            self._take_back()

    def _asked(self, text: str) -> None:
        self._words.append(Text(text))
        self._new_bytes += len(text.encode("utf-8", "replace"))
        self._untold = None

    def _answered(self, record: Answered) -> None:
        reply = record.reply
        self._turns.append(Turn(Role.USER, (*self._results, *self._words)))
        said = tuple(part for part in reply.parts if not isinstance(part, Text) or part.text.strip())
        self._results, self._words, self._untold = [], [], None
        if any(not isinstance(part, Thinking) for part in said):
            self._turns.append(Turn(Role.ASSISTANT, said))
            self.empty = 0
        else:  # an empty turn is refused by every provider: its words are put once more, with what comes
            self._reopen_turn()
            if reply.stop is not Stop.REFUSAL:
                self.empty += 1
                self._untold = Situation.EMPTY
        self.pending = [part for part in reply.parts if isinstance(part, ToolCall)]
        self._calls = {call.id: call for call in self.pending}
        self.cut = self.pending[-1].id if self.pending and reply.stop is Stop.LENGTH else ""
        if reply.stop is Stop.LENGTH and not self.pending and self._untold is None:
            self._untold = Situation.CUT
        self.stop, self.finish, self.ended = reply.stop, None, None
        self.steps, self.rounds, self._wrong_now, self._new_bytes = record.step, 0, False, 0
        self.meant.clear()
        self.is_check_fresh = False
        self._count(record)

    def _count(self, record: Answered) -> None:
        reply = record.reply
        self.cost_microusd += record.cost_microusd
        self.simulated = self.simulated or reply.simulated
        self.routes[reply.route] = self.routes.get(reply.route, 0) + 1
        if reply.usage is not None:
            self.window_tokens = reply.usage.input_total + reply.usage.output
            self.tokens += self.window_tokens

    def _reopen_turn(self) -> None:
        """Make the newest turn of the user the open one again."""
        last = self._turns.pop()
        self._results = [part for part in last.parts if isinstance(part, ToolResult)]
        self._words = [part for part in last.parts if isinstance(part, Text)]

    def _take_back(self) -> None:
        """Forget the newest answer, so that the same is asked once more; one without words has left no turn."""
        if not (self._results or self._words) and self._turns and self._turns[-1].role is Role.ASSISTANT:
            self._turns.pop()
            self._reopen_turn()
        self.stop = Stop.END

    def _did(self, record: Did) -> None:
        call = self._calls.get(record.call)
        self.pending = [one for one in self.pending if one.id != record.call]
        self.meant.discard(record.call)
        self._results.append(ToolResult(call=record.call, text=record.text, failed=record.failed))
        self._new_bytes += len(record.text.encode("utf-8", "replace"))
        self.is_check_fresh = False
        if not record.malformed:
            self.malformed = 0
        elif not self._wrong_now:
            self.malformed, self._wrong_now = self.malformed + 1, True
        if record.changed:
            self._same.clear()
            self.changed.update(dict.fromkeys(record.changed))
        elif call is not None:
            text, count = self._same.get((call.name, call.arguments), (record.text, 0))
            is_same = record.malformed or record.text == text  # one that was not carried out brought nothing new
            self._same[call.name, call.arguments] = (text, count + 1) if is_same else (record.text, 1)
        if record.finish is not None:
            self.finish = record.finish

    def _checked(self, record: Checked) -> None:
        self.check, self.checks, self.is_check_fresh = record, self.checks + 1, True
        if record.words:
            self.finish = None
            self._asked(record.words)


def _folded(turn: Turn) -> Turn:
    """A turn without what tools answered; the first one, the task itself, has no such parts."""
    parts: list[Part] = []
    is_changed = False
    for part in turn.parts:
        if isinstance(part, ToolResult) and len(part.text) > _FOLD_LEAST_BYTES:
            parts.append(msgspec.structs.replace(part, text=LEFT_OUT.format(size=len(part.text))))
            is_changed = True
        elif isinstance(part, ToolCall) and len(part.arguments) > _FOLD_LEAST_BYTES:
            parts.append(msgspec.structs.replace(part, arguments="{}"))
            is_changed = True
        else:
            parts.append(part)
    return Turn(turn.role, tuple(parts)) if is_changed else turn
