"""The scripted team on the sample repository: each patch makes one failing test class pass, and all of them everything.

The tools here are plain Python; a request carries their results as an agent's would.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.simulate.asking import KEY, PATHS, send

from ezaigents.simulate import SimulatedModels, team_rules

_ROOT = Path(__file__).parents[3]
_SAMPLE = _ROOT / "examples" / "sample"
pytestmark = pytest.mark.skipif(not _SAMPLE.is_dir(), reason="the sample repository is in the source tree")

TEAM = {
    "claude": ("Read the loans with the line parser the catalogue uses", "tests.test_loans.SameLinesAsTheBooks"),
    "gpt": ("Make lending a book answer 201, 400, 404 and 409 as it should", "tests.test_api.Lending"),
    "deepseek": (
        "Write tests for the book numbers, and mend what they find",
        "tests.test_complete.EveryModuleIsTested",
    ),
    "mistral": ("Document the functions that the reference leaves out", "tests.test_docs.EveryFunctionIsDocumented"),
    "gemini": ("Find where the loan time is said, and make all of them agree", "tests.test_policy.OneLoanTime"),
}
_STEPS_MOST = 8


class Tools:
    """A repository, as far as the scripts use one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.finished = ""
        self.changed: set[str] = set()

    def use(self, name: str, arguments: dict[str, Any]) -> str:
        """What the tool answers."""
        return str(getattr(self, f"_{name}")(**arguments))

    def _read(self, path: str) -> str:
        data = (self.root / path).read_bytes()
        lines = data.count(b"\n")
        return f"path: {path}  sha256: {hashlib.sha256(data).hexdigest()}  lines 1-{lines} of {lines}\n{data.decode()}"

    def _search(self, pattern: str) -> str:
        re.compile(pattern)
        return "shelf/reminders.py:5: LOAN_DAYS = 28"

    def _edit(self, path: str, sha256: str, edits: list[dict[str, str]]) -> str:
        text = (self.root / path).read_text("utf-8")
        assert sha256 == hashlib.sha256(text.encode()).hexdigest(), f"{path} has changed"
        for edit in edits:
            assert text.count(edit["old"]) == 1, f"{path}: not there once: {edit['old']!r}"
            text = text.replace(edit["old"], edit["new"])
        return self._put(path, text)

    def _write(self, path: str, content: str) -> str:
        assert not (self.root / path).exists()
        return self._put(path, content)

    def _put(self, path: str, text: str) -> str:
        (self.root / path).write_text(text, "utf-8")
        self.changed.add(path)
        return f"path: {path}  sha256: {hashlib.sha256(text.encode()).hexdigest()}"

    def _finish(self, summary: str, evidence: str) -> str:
        self.finished = f"{summary} {evidence}"
        return "the task ends here"


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """A copy of the sample repository."""
    root = tmp_path / "sample"
    shutil.copytree(_SAMPLE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return Tools(root)


def _passes(root: Path, *names: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-m", "unittest", *names],
        cwd=root, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode == 0


async def _work(url: str, prompt: str, tools: Tools) -> list[str]:
    """An agent's loop: ask, use the tools, ask again. Returns all that the model said."""
    schema = {"type": "object", "properties": {}}
    names = ("read", "search", "edit", "write", "finish")
    offered = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"{prompt}\n\nKind of task: edit."}]
    for _ in range(_STEPS_MOST):
        body = {"model": "any-model", "messages": messages, "tools": offered}
        heard = await send(url, "POST", PATHS["chat"], KEY, msgspec.json.encode(body))
        assert heard.status == 200, heard.body
        said = heard.json()["choices"][0]["message"]
        messages.append(said)
        for call in said.get("tool_calls", ()):
            result = tools.use(call["function"]["name"], json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        if tools.finished or not said.get("tool_calls"):
            break
    return [str(message["content"]) for message in messages if message["role"] == "assistant"]


@pytest.mark.parametrize("agent", TEAM)
async def test_each_patch_makes_its_test_class_pass(agent: str, tools: Tools) -> None:
    """The class fails before and passes after; the other four still fail, so each patch does its own work."""
    prompt, test = TEAM[agent]
    assert not _passes(tools.root, test)
    async with SimulatedModels([team_rules()]) as models:
        await _work(models.url, prompt, tools)
    assert _passes(tools.root, test)
    assert test in tools.finished
    assert [name for name, (_, other) in TEAM.items() if _passes(tools.root, other)] == [agent]


async def test_all_five_make_everything_pass_and_touch_different_files(tools: Tools) -> None:
    """After the whole team the whole suite passes; no two of them changed the same file."""
    changed: list[str] = []
    async with SimulatedModels([team_rules()]) as models:
        for prompt, _ in TEAM.values():
            tools.finished, tools.changed = "", set()
            await _work(models.url, prompt, tools)
            changed += sorted(tools.changed)
    assert _passes(tools.root)
    assert len(set(changed)) == len(changed) > 5


@pytest.mark.parametrize("agent", TEAM)
async def test_a_repository_that_is_not_the_sample_gets_no_patch(agent: str, tmp_path: Path) -> None:
    """The same prompt where the files are missing ends in words that say so."""
    tools = Tools(tmp_path)
    tools.use = lambda name, arguments: f"there is no such file, {name} {arguments}"  # type: ignore[method-assign]
    async with SimulatedModels([team_rules()]) as models:
        said = await _work(models.url, TEAM[agent][0], tools)
    assert said[-1].startswith("simulated: the rule needs a read of ")


async def test_every_word_of_the_script_says_that_it_is_one(tools: Tools) -> None:
    """Nobody may take the scripted patches for a model's work."""
    async with SimulatedModels([team_rules()]) as models:
        for prompt, _ in TEAM.values():
            tools.finished = ""
            said = await _work(models.url, prompt, tools)
            assert [text for text in said if text != "None" and not text.startswith("Scripted: ")] == []
            assert tools.finished.startswith("Scripted: ")


def test_the_document_names_these_prompts() -> None:
    """docs/simulator.md gives the five lines to type, word for word."""
    text = (_ROOT / "docs" / "simulator.md").read_text("utf-8")
    for agent, (prompt, _) in TEAM.items():
        assert re.search(rf'^ez run --agent {agent} --kind \w+ --apply "{re.escape(prompt)}" ', text, re.MULTILINE)
