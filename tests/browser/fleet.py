"""A real fleet for a browser to look at: `ez up --sim`, whose models answer by rules of ours.

Job: start it, hand in jobs, say what became of them. Not its job: the browser, or what is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.integration.cli.installed import Place, collect_orphans, wait_until

from ezaigents.access import Access, Role
from ezaigents.simulate import start_simulator

RULES = """
[[rule]]
match = '^Greet'
steps = [
  { text = "I look at it.", calls = [{ name = "read", arguments = { path = "hello.py" } }] },
  { calls = [{ name = "edit", arguments = { path = "hello.py", sha256 = "{sha:hello.py}", edits = [
      { old = "hello", new = "good morning" }] } }] },
  { calls = [{ name = "finish", arguments = { summary = "The greeting is longer.", evidence = "none" } }] },
]

[[rule]]
match = '^Ask'
steps = [
  { calls = [{ name = "run", arguments = { argv = ["deploy", "--now"] } }] },
  { calls = [{ name = "finish", arguments = { summary = "It was allowed." } }] },
]

[[rule]]
match = '^Tell'
steps = [{ text = "STORY" }]

[[fault]]
match = '^Tell'
piece_bytes = 100
between_s = 0.2

[[fault]]
match = '^Wait'
hang = true

[[fault]]
match = '^Fail'
status = 400
""".replace("STORY", "Once upon a time. " * 200)
HELLO = 'print("hello")\n'
_ANSWER_S = 30


class Fleet:
    """A running fleet. `url`: where its pages are; `port` stays the same when the host is replaced."""

    def __init__(self, place: Place, sim_url: str) -> None:
        self.place = place
        self._sim = {"EZ_SIM_URL": sim_url, "EZ_GRACE_S": "0"}
        self.pid = place.up("--sim", **self._sim)
        self.url = place.json("open")["address"].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])
        self._access = Access(place.home)
        self._token = self._access.own_token()

    def link(self, role: Role = Role.ADMIN) -> str:
        """A fresh link for a browser, good once."""
        return f"{self.url}/enter?code={self._access.give_link(role).text}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request of a program, which must be answered well; its JSON."""
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        headers["accept"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 - loopback
        with urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310
            return json.load(answer)

    def hand_in(self, prompt: str, *paths: str, agent: str = "claude", kind: str = "edit", **more: Any) -> str:
        """Hand in a job that is one task; the task's id."""
        job = {"prompt": prompt, "paths": paths or ["hello.py"], "agent": agent, "kind": kind, "yes": True, **more}
        (task,) = self.ask("POST", "/api/tasks", job)["tasks"]
        return str(task["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """How a task is now."""
        found: dict[str, Any] = self.ask("GET", f"/api/tasks/{task_id}")
        return found

    def until(self, task_id: str, *states: str) -> None:
        """Wait until the task is in one of these states, or waits for a person (`asks`)."""

        def reached() -> bool:
            task = self.task(task_id)
            return task["state"] in states or ("asks" in states and bool(task["asks"]))

        wait_until(reached, f"task {task_id} is {' or '.join(states)}")

    def finish(self, prompt: str, *paths: str, **more: Any) -> str:
        """Hand in a job that is one task and wait for its end; the task's id."""
        task_id = self.hand_in(prompt, *paths, **more)
        self.until(task_id, "done", "dead")
        return task_id

    def pause(self, *agents: str) -> None:
        """Let agents take no more tasks."""
        self.ask("POST", "/api/agents/pause", {"agents": agents})

    def resume(self, *agents: str) -> None:
        """Let agents take tasks again."""
        self.ask("POST", "/api/agents/resume", {"agents": agents})

    def kill_host(self) -> None:
        """End the host without a warning; its engine lives on."""
        self.place.kill(self.pid)

    def start_host(self) -> None:
        """Start another host in the place of one that was killed, at the same port."""
        self.pid = self.place.up("--sim", "--port", str(self.port), **self._sim)


@contextmanager
def running(
    folder: Path, rules: str = RULES, files: Mapping[str, str] | None = None, workspace: str = "work"
) -> Iterator[Fleet]:
    """A fleet on a workspace of this name with `hello.py` and these files; what it leaves running fails the test."""
    collect_orphans()
    path = folder / "rules.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rules, encoding="utf-8")
    place = Place(folder)
    place.workspace = folder / workspace
    place.environ["EZ_WORKSPACE"] = str(place.workspace)
    for name, text in {"hello.py": HELLO, **(files or {})}.items():
        place.write(name, text)
    with start_simulator([path]) as simulator:
        try:
            yield Fleet(place, simulator.ready())
        finally:
            place.ez("down")
            left = place.clear()
    assert not left, f"left running: {left}"
