"""Pictures of every page, for the documents: `python -m tests.browser.screenshots [FOLDER]`.

Job: a fleet with some history on the sample repository, and a picture of each page of it, some as on a phone. The
models are simulated, as each page says. Not its job: checking anything (the tests).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page
from tests.browser.chromium import browsing, chromium
from tests.browser.fleet import Fleet, running
from tests.browser.pages import PATHS, addresses
from tests.browser.window import main_of, opened
from tests.integration.cli.installed import wait_until

from ezaigents.simulate import team_rules

_REPOSITORY = Path(__file__).parents[2]
_FOLDER = _REPOSITORY / "docs" / "screenshots"
_DESKTOP_PX, _PHONE_PX = (1200, 800), (390, 844)
_ON_A_PHONE = ("/", "/tasks", "/tasks/{id}")
_PARSER, _LENDING = "shelf/loans.py", "shelf/api.py"
_DONE = (
    ("claude", "edit", "Read the loans with the line parser the catalogue uses, instead of a copy of it", _PARSER),
    ("deepseek", "test", "Write tests for the book numbers, and mend what they find", "shelf/isbn.py"),
    ("mistral", "document", "Document the functions that the reference leaves out", "docs/reference.md"),
    ("gemini", "edit", "Find where the loan time is said, and make all of them agree", "shelf"),
    ("gpt", "edit", "Make lending a book answer 201, 400, 404 and 409 as it should", _LENDING),
)
_RULES = """
[[rule]]
match = '^Publish'
steps = [{ text = "Scripted: the release is ready to go out.", calls = [
  { name = "run", arguments = { argv = ["gh", "release", "create", "v1.2"] } }] }]

[[rule]]
match = '^Tidy'
steps = [
  { text = "Scripted: I read the desk first.", calls = [{ name = "read", arguments = { path = "shelf/api.py" } }] },
  { calls = [{ name = "edit", arguments = { path = "shelf/api.py", sha256 = "{sha:shelf/api.py}", edits = [
      { old = "def _lend", new = "def _lent" }] } }] },
]

[[fault]]
match = '^Tidy'
step = 2
hang = true

[[fault]]
match = '^Translate'
status = 400
"""


@contextmanager
def _history(folder: Path) -> Iterator[tuple[Fleet, dict[str, list[str]]]]:
    """A fleet that did some things, failed at one, asks for something, and is at work."""
    sample = _REPOSITORY / "examples" / "sample"
    files = {str(path.relative_to(sample)): path.read_text() for path in sample.rglob("*") if path.is_file()}
    with running(folder, _RULES + team_rules().read_text(), files, "library") as fleet:
        (fleet.place.workspace / "hello.py").unlink()
        done = [fleet.finish(prompt, path, agent=agent, kind=kind) for agent, kind, prompt, path in _DONE]
        for task_id in done[:3]:
            fleet.ask("POST", f"/api/tasks/{task_id}/apply", {})
        fleet.finish("Translate the rules", "docs/rules.md", agent="mistral", kind="document")
        asks = fleet.hand_in("Publish version 1.2", "README.md", agent="gpt")
        fleet.until(asks, "asks")
        fleet.place.ez("msg", "claude", "The second parser may go once its tests pass.")
        fleet.place.ez("msg", "all", "Loans last 21 days; policy.py is where that is said.")
        fleet.place.ez("notes", "add", "Tests run with `python -m unittest`.", "--pin")
        for agent, prompt in (("claude", "Tidy up how books are lent"), ("gemini", "Tidy up the names in the API")):
            fleet.hand_in(prompt, _LENDING, agent=agent)
        wait_until(lambda: fleet.ask("GET", "/api/overlaps")["files"], "two tasks are at one file")
        fleet.pause("deepseek")
        fleet.hand_in("Write tests for the reminders", "shelf/reminders.py", agent="deepseek", kind="test")
        yield fleet, {"tasks": [done[4]], "runs": [fleet.task(done[4])["run"]], "agents": ["claude"]}


def _take(page: Page, folder: Path, name: str, size_px: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size_px[0], "height": size_px[1]})
    main_of(page).wait_for()
    page.screenshot(path=folder / f"{name}.png", animations="disabled")


def _name(path: str) -> str:
    """Of `/tasks/{id}`: task; of `/`: fleet."""
    words = [word for word in path.split("/") if word]
    if not words:
        return "fleet"
    return words[-2].removesuffix("s") if words[-1].startswith("{") else words[-1]


def take_all(folder: Path) -> None:
    """A picture of each page in the folder; pictures that lie there are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory(prefix="ez-") as work,
        browsing() as browser,
        _history(Path(work)) as (fleet, samples),
        opened(browser, fleet) as window,
    ):
        for path in PATHS:
            page = window.open_live(addresses(path, samples)[0])
            _take(page, folder, _name(path), _DESKTOP_PX)
            if path in _ON_A_PHONE:
                _take(page, folder, f"phone-{_name(path)}", _PHONE_PX)
            page.close()


def main() -> int:
    """Take them; 1 = there is no browser."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    if not chromium():
        sys.stderr.write("no Chromium on this machine; on Debian, `apt-get install chromium`\n")
        return 1
    take_all(folder)
    sys.stdout.writelines(f"{path}  {path.stat().st_size:,} bytes\n" for path in sorted(folder.iterdir()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
