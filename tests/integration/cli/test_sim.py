"""`ez sim`: simulated models in the foreground."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path
from typing import IO

import pytest
from tests.integration.cli.installed import WITHIN_S, Place

_NAMES = ("ANTHROPIC", "OPENAI", "DEEPSEEK", "MISTRAL", "GEMINI")


def _line(out: IO[bytes] | None) -> str:
    assert out is not None
    return out.readline().decode()


def _ask(url: str, prompt: str) -> str:
    """Ask through Chat Completions; returns the words."""
    body = json.dumps({"model": "x", "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310
        assert answer.headers["x-ez-simulated"] == "1"
        said: str = json.load(answer)["choices"][0]["message"]["content"]
        return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_to_set_and_serves_until_it_is_ended(place: Place, number: signal.Signals) -> None:
    """A line to type for each provider, answers at that address, and a clean end by either signal."""
    with place.begin("sim") as process:
        lines = [_line(process.stdout) for _ in range(2 * len(_NAMES))]
        set_to = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        assert {f"{name}_{what}" for name in _NAMES for what in ("BASE_URL", "API_KEY")} == set(set_to)
        assert _ask(set_to["ANTHROPIC_BASE_URL"], "Fix the bug") == "simulated: no rule"
        process.send_signal(number)
        assert process.wait(WITHIN_S) == 0
        assert process.stderr is not None
        assert "no real key is needed" in process.stderr.read().decode()


def test_rules_faults_and_log_are_taken(place: Place) -> None:
    """Its own rules answer, a fault happens, calls are logged; `--json` prints one object."""
    rules = place.write("mine.toml", '[[rule]]\nmatch = "^hi"\nsteps = [{ text = "from my rule" }]\n')
    log = Path(place.workspace / "calls")
    with place.begin("sim", "--json", "--bare", f"--rules={rules}", "--fault=usage=huge", f"--log={log}") as process:
        text = ""
        while not text.endswith("\n}\n"):
            text += _line(process.stdout)
        url = json.loads(text)["url"]
        assert _ask(url, "hi there") == "from my rule"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["event"], line.get("fault")) for line in lines] == [("call", "usage=huge"), ("sent", None)]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--fault=hung", "hung"),
        ("--rules=gone.toml", "gone.toml"),
        ("--port=99999", "99999"),
        ("--log=nowhere/at/all", "nowhere"),
    ],
)
def test_a_wrong_option_is_told_on_one_line(place: Place, option: str, words: str) -> None:
    """Nothing is served; the line says what is wrong, and it leaves with 2."""
    done = place.ez("sim", option)
    assert (done.code, done.out) == (2, "")
    assert words in done.error
    assert len(done.error.splitlines()) == 1
