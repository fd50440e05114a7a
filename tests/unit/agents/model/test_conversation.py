"""Where a task stands, from what its journal says."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.agents.model.conversation import FOLD_KEEPS_TURNS, Conversation, Situation
from ezaigents.agents.model.journal import (
    Answered,
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
from ezaigents.codec import from_json, to_json
from ezaigents.providers.transcript import Role, Stop, Text, Thinking, ToolCall, ToolResult, Turn

from .records import answered, asked, call, did


def _state(talk: Conversation) -> dict[str, object]:
    return dict(vars(talk))


def test_turns_alternate_and_results_come_first() -> None:
    """What is sent are turns of the user and the model in turn, and a user's turn begins with what tools answered."""
    talk = Conversation([asked("task"), answered(1, "look", call(1), call(2)), did(1), did(2), asked("hurry")])
    turns = talk.turns()
    assert [turn.role for turn in turns] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert [type(part) for part in turns[2].parts] == [ToolResult, ToolResult, Text]


def test_model_is_asked_only_when_every_call_has_its_result() -> None:
    """A call without a result is refused by every provider: the model waits until all are there."""
    talk = Conversation([asked(), answered(1, call(1), call(2)), did(1)])
    assert [one.id for one in talk.pending] == ["c2"]
    assert talk.situation() is Situation.TOOLS
    talk.take(did(2))
    assert talk.situation() is Situation.ASK


def test_an_answer_without_calls_ends_the_task() -> None:
    """A model that has no more to say is not asked again."""
    talk = Conversation([asked(), answered(1, "all is well", stop=Stop.END)])
    assert talk.situation() is Situation.SAID
    assert talk.said == "all is well"


def test_empty_answer_leaves_no_empty_turn() -> None:
    """A turn without a word would be refused: what was asked is put once more, with what comes."""
    talk = Conversation([asked("task"), answered(1, stop=Stop.END), asked("go on")])
    assert talk.empty == 1
    assert talk.turns() == (Turn(Role.USER, (Text("task"), Text("go on"))),)
    talk.take(answered(2, "here", stop=Stop.END))
    assert talk.empty == 0


def test_thinking_alone_is_no_answer() -> None:
    """Thoughts without words or calls count as empty."""
    talk = Conversation([asked(), answered(1, Thinking(model="openai:m", text="hm"), stop=Stop.END)])
    assert talk.empty == 1


def test_counts_add_up() -> None:
    """Steps, tokens, money and who answered are those of all attempts, failed tries included."""
    talk = Conversation([asked(), Tried(1, 1, (), 7), answered(1, call(1)), did(1), answered(2, "x", stop=Stop.END)])
    assert (talk.steps, talk.tokens, talk.cost_microusd, talk.routes) == (2, 22, 17, {"openai:m": 2})


def test_same_call_is_counted_until_something_changes() -> None:
    """Reading a file again after a change is no loop; without one it is."""
    talk = Conversation([asked()])
    for step in (1, 2):
        talk.take(answered(step, call(step)))
        talk.take(did(step))
    assert talk.same_calls(call(9)) == 2
    talk.take(answered(3, call(3, "edit", "{}")))
    talk.take(did(3, changed=("a",)))
    assert talk.same_calls(call(9)) == 0


def test_malformed_calls_count_one_after_the_other() -> None:
    """Answers count, not calls; a right call begins the count anew."""
    talk = Conversation([asked(), answered(1, call(1), call(2)), did(1, malformed=True), did(2, malformed=True)])
    assert talk.malformed == 1
    talk.take(answered(2, call(3), call(4)))
    talk.take(did(3, malformed=True))
    assert talk.malformed == 2
    talk.take(did(4))
    assert talk.malformed == 0


def _long(steps: int) -> list[Record]:
    records: list[Record] = [asked("task")]
    for step in range(1, steps + 1):
        records += [answered(step, call(step, arguments="{" + " " * 900 + "}")), did(step, "x" * 1000)]
    return records


def test_folding_keeps_the_task_and_the_newest_turns() -> None:
    """Old results and long arguments are left out; the task and the newest turns stay as they are."""
    talk = Conversation(_long(10))
    whole = talk.turns()
    talk.take(Folded(1, talk.foldable()))
    folded = talk.turns()
    assert folded[0] == whole[0]
    assert folded[-FOLD_KEEPS_TURNS:] == whole[-FOLD_KEEPS_TURNS:]
    assert len(to_json(folded)) < len(to_json(whole)) / 2
    assert [turn.role for turn in folded] == [turn.role for turn in whole]
    assert talk.foldable() == 0


def test_every_result_keeps_its_call_when_folded() -> None:
    """Folding takes no call and no result away: a provider refuses one without the other."""
    talk = Conversation(_long(10))
    talk.take(Folded(1, talk.foldable()))
    parts = [part for turn in talk.turns() for part in turn.parts]
    calls = [part.id for part in parts if isinstance(part, ToolCall)]
    assert calls == [part.call for part in parts if isinstance(part, ToolResult)]


@pytest.mark.parametrize("words", ["mend it", ""])
def test_failed_check_reopens_the_task_where_the_model_is_told(words: str) -> None:
    """A check that fails takes the end back, unless it was tried often enough: then nobody is told."""
    end = Did(at_ms=1, call="c1", text="ok", finish=("done", "proof"))
    talk = Conversation([asked(), answered(1, call(1, "finish")), end])
    assert talk.situation() is Situation.FINISHED
    talk.take(Checked(1, ("make", "test"), 1, "exited", "boom", words))
    assert talk.situation() is (Situation.ASK if words else Situation.FINISHED)
    assert talk.is_check_fresh


def test_a_check_is_stale_once_anything_was_done() -> None:
    """What a check showed is no evidence for what came after it."""
    talk = Conversation([asked(), answered(1, call(1)), Checked(1, ("t",), 0, "exited", ""), did(1, changed=("a",))])
    assert not talk.is_check_fresh


def test_a_refusal_ends_the_task_and_is_taken_back_when_it_is_tried_again() -> None:
    """Whoever has a refused task tried again has the same asked once more."""
    talk = Conversation([asked("task"), answered(1, "I will not", stop=Stop.REFUSAL)])
    assert talk.situation() is Situation.REFUSED
    talk.take(Began(at_ms=1, attempt=2, follows={}))
    assert talk.situation() is Situation.ASK
    assert talk.turns() == (Turn(Role.USER, (Text("task"),)),)
    assert talk.steps == 1


def test_an_answer_that_was_cut_off_is_told_so_once() -> None:
    """A cut text is gone on with, and a cut call is never carried out."""
    talk = Conversation([asked(), answered(1, "half", stop=Stop.LENGTH)])
    assert talk.situation() is Situation.CUT
    talk.take(asked("go on"))
    assert talk.situation() is Situation.ASK
    talk.take(answered(2, call(1), call(2), stop=Stop.LENGTH))
    assert (talk.situation(), talk.cut) == (Situation.TOOLS, "c2")


def test_an_end_that_is_taken_back_leaves_the_turn_to_the_model() -> None:
    """A conflict, or a limit that was raised, has the model go on; the words say why."""
    end = Did(at_ms=1, call="c1", text="ok", finish=("done", ""))
    talk = Conversation([asked(), answered(1, call(1, "finish")), end, Ended(1, "done"), Reopened(1, "conflict")])
    assert talk.situation() is Situation.ASK
    assert talk.ended is None
    assert talk.turns()[-1].parts[-1] == Text("conflict")


def test_ids_of_calls_may_come_again() -> None:
    """A provider that counts its calls from nought in each answer is understood."""
    talk = Conversation([asked(), answered(1, call(0)), did(0), answered(2, call(0))])
    assert [one.id for one in talk.pending] == ["c0"]
    talk.take(Meant(1, "c0"))
    talk.take(did(0))
    talk.take(answered(3, call(0)))
    assert talk.meant == set()


def test_a_call_whose_answer_changes_is_no_loop() -> None:
    """Waiting for something by looking again and again is allowed, as long as something moves."""
    talk = Conversation([asked()])
    for step in range(1, 6):
        talk.take(answered(step, call(step)))
        talk.take(did(step, f"answer {step}"))
    assert talk.same_calls(call(9)) == 1


def test_what_was_folded_may_be_looked_at_again() -> None:
    """A result that was left out is no reason to refuse the call that brings it back."""
    talk = Conversation(_long(10))
    talk.take(answered(11, call(11, arguments="{" + " " * 900 + "}")))
    talk.take(did(11, "x" * 1000))
    assert talk.same_calls(call(9, arguments="{" + " " * 900 + "}")) > 1
    talk.take(Folded(1, talk.foldable()))
    assert talk.same_calls(call(9, arguments="{" + " " * 900 + "}")) == 0


def test_succeeded_check_leaves_the_end() -> None:
    """A check that succeeds changes nothing."""
    end = Did(at_ms=1, call="c1", text="ok", finish=("done", ""))
    talk = Conversation([asked(), answered(1, call(1, "finish")), end, Checked(1, ("true",), 0, "exited", "")])
    assert talk.finish == ("done", "")


def test_an_end_that_is_taken_back_begins_its_counts_anew() -> None:
    """After a conflict the model is to look again: its looking is no loop, and its check may fail again."""
    talk = Conversation([asked(), answered(1, call(1)), did(1), answered(2, call(2)), did(2)])
    talk.take(Checked(1, ("t",), 1, "exited", ""))
    talk.take(Reopened(1, "conflict"))
    assert (talk.same_calls(call(9)), talk.checks) == (0, 0)


def test_only_failed_rounds_count_as_rounds() -> None:
    """An attempt that was handed back for another reason, however often, says nothing of the providers."""
    talk = Conversation([asked(), *[Began(at_ms=1, attempt=number, follows={}) for number in range(60)]])
    assert talk.rounds == 0
    talk.take(Tried(1, 1, ()))
    assert talk.rounds == 1
    talk.take(answered(1, "x", stop=Stop.END))
    assert talk.rounds == 0


def test_time_for_which_an_agent_was_paused_is_not_its_own() -> None:
    """Neither in this attempt nor in those after it."""
    first: list[Record] = [
        Began(at_ms=1000, attempt=1, follows={}),
        Paused(7_201_000, 7_200_000),
        Meant(7_202_000, "c"),
    ]
    assert Conversation(first).worked_ms == 1000
    assert Conversation([*first, Began(at_ms=9_000_000, attempt=2, follows={})]).worked_ms == 1000


def test_a_refusal_without_a_word_is_one() -> None:
    """It ends the task like any other, and whoever has it tried again has the same asked once more."""
    earlier: list[Record] = [asked("task"), answered(1, call(1)), did(1)]
    talk = Conversation([*earlier, answered(2, stop=Stop.REFUSAL)])
    assert (talk.situation(), talk.empty) == (Situation.REFUSED, 0)
    talk.take(Began(at_ms=1, attempt=2, follows={}))
    assert talk.situation() is Situation.ASK
    assert talk.turns() == Conversation(earlier).turns()


_RECORDS = st.lists(
    st.sampled_from(
        [
            asked("a"),
            asked("b", "steps"),
            Tried(1, 1, (), 3),
            Meant(1, "c1"),
            Began(at_ms=1, attempt=2, follows={}),
            did(1),
            did(1, malformed=True),
            Folded(1, 2),
            Checked(1, ("t",), 1, "exited", ""),
            Checked(1, ("t",), 1, "exited", "", "mend it"),
            Ended(1, "x", True),
            Paused(1, 10),
            Reopened(1, "go on"),
        ]
    ),
    max_size=12,
)


@given(_RECORDS)
def test_going_on_after_a_crash_is_going_on(records: list[Record]) -> None:
    """A state made at once from what the disk says is the state that grew record by record."""
    story: list[Record] = [asked("task"), answered(1, "x", call(1)), *records]
    grown = Conversation()
    for record in story:
        grown.take(record)
    read_back: list[Record] = [from_json(to_json(record), Record) for record in story]  # type: ignore[arg-type]
    assert _state(Conversation(read_back)) == _state(grown)


def test_answer_of_a_simulator_marks_the_task() -> None:
    """One simulated answer makes the whole result a simulated one."""
    real = answered(1, "x", stop=Stop.END)
    simulated = Answered(1, 2, msgspec.structs.replace(real.reply, simulated=True), 0)
    assert not Conversation([asked(), real]).simulated
    assert Conversation([asked(), real, asked(), simulated]).simulated
