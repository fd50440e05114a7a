"""A fleet in which every text that can come from elsewhere wants to be markup. Job: one of each; pages show them.

Not its job: the pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.browser.fleet import RULES, Fleet, running
from tests.unit.scorecard.measured import hostile

from ezaigents.access import Access, Role
from ezaigents.scorecard import folder_of, keep, keep_of, read_prices

PAYLOAD = "\"'><script>hostile=1</script><img src=x onerror=hostile=1>"
SHOWN = "onerror=hostile=1"
"""What is read on a page that shows the payload as text."""
_FILE = f"{PAYLOAD}.py"
_LONG = "w" * 300
_STEPS = (
    '[[rule]]\nmatch = "^Change"\nsteps = [\n'
    '  {{ text = {say}, calls = [{{ name = "write", arguments = {{ path = {new}, content = {text} }} }}] }},\n'
    '  {{ calls = [{{ name = "finish", arguments = {{ summary = {text}, evidence = {text} }} }}] }},\n]\n'
    '[[rule]]\nmatch = "^Wait"\nsteps = [{{ text = {much} }}]\n'
    '[[rule]]\nmatch = "^Refuse"\nsteps = [{{ text = {say}, stop = "refusal" }}]\n'
    '[[rule]]\nmatch = "^Command"\nsteps = [{{ calls = [{{ name = "run", arguments = {{ argv = [{say}] }} }}] }}]\n'
)


def _toml(text: str) -> str:
    return msgspec.json.encode(text).decode()


@contextmanager
def hostile_fleet(folder: Path) -> Iterator[tuple[Fleet, dict[str, list[str]]]]:
    """The fleet, and the ids of what there is, as `addresses` takes them."""
    rules = _STEPS.format(
        say=_toml(PAYLOAD), new=_toml(f"new/{_FILE}"), text=_toml(f"{PAYLOAD} {_LONG}"), much=_toml(PAYLOAD * 50)
    )
    with running(folder, rules + RULES, {_FILE: "x = 1\n", f"{_LONG[:200]}.py": "y = 1\n"}, PAYLOAD) as fleet:
        Access(fleet.place.home).give(Role.READ, PAYLOAD)
        for words in (("msg", "claude"), ("notes", "add")):
            done = fleet.place.ez(*words, f"{PAYLOAD} {_LONG}")
            assert done.code == 0, done.err
        keep(keep_of(hostile(f"{PAYLOAD} {_LONG}"), read_prices()), folder_of(fleet.place.home, "x"))
        tasks = [
            fleet.finish(f"Change {PAYLOAD} {_LONG}", _FILE),
            fleet.finish(f"Refuse {PAYLOAD}", _FILE),
            fleet.hand_in(f"Command {PAYLOAD}", _FILE),
            fleet.hand_in(f"Wait {PAYLOAD}", f"{_LONG[:200]}.py"),
        ]
        fleet.place.write(f"new/{_FILE}", "somebody else's\n")
        assert fleet.place.ez("apply", tasks[0]).code == 1
        fleet.until(tasks[2], "asks")
        fleet.until(tasks[3], "leased")
        runs = [str(fleet.task(task_id)["run"]) for task_id in tasks]
        yield fleet, {"tasks": tasks, "runs": runs[:1], "agents": ["claude"]}
