"""Words as people read them: links and code in lines of ours, and nothing else that is markup."""

from __future__ import annotations

from ezaigents.dashboard.words import first_line, linked, state_word


def test_ids_lead_to_tasks_and_commands_are_code() -> None:
    """Both are marked up; the text around them, and within them, never is."""
    task = "01m8jr8gqxcx4k557m"
    shown = linked(f"task {task} waits: <b>; type `ez retry {task} <i>` & go")
    assert shown == (
        f'task <a href="/tasks/{task}"><code>{task}</code></a> waits: &lt;b&gt;; '
        f"type <code>ez retry {task} &lt;i&gt;</code> &amp; go"
    )
    assert linked("<script>") == "&lt;script&gt;"
    assert linked("") == ""


def test_the_first_line_says_whether_there_is_more() -> None:
    """Empty ones are passed over."""
    assert first_line("\n\n one \n two") == "one …"
    assert first_line("one") == "one"
    assert first_line(" \n") == ""


def test_states_have_the_words_of_people() -> None:
    """Two have others than the engine's."""
    assert [state_word(one) for one in ("leased", "ready", "dead")] == ["running", "waiting", "dead"]
