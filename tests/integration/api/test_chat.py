"""The OpenAI-compatible routes, asked by OpenAI's own client: answers, streams, tools, errors, money, leaving."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from tests.integration.api.models_site import ANSWER, HELLO, ModelsSite, open_models_site
from tests.integration.api.site import are_guarded, open_site
from tests.leaks import run, until
from tests.unit.docs.documents import ROOT

from ezaigents.access import Role
from ezaigents.api.chat import answering
from ezaigents.settings import Settings

ASKED: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "hello"}]},
]
SILENCE: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello [fault hang]"}]
_JSON = {"content-type": "application/json"}
_WORDS = " ".join(f"word{number}" for number in range(80))
_LONG = HELLO.replace(ANSWER, _WORDS)
BREAKS_SLOWLY: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "hello [fault cut_after_bytes=6000,between_s=0.01]"}
]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}
RAIN = """
[[rule]]
match = "rain"
[[rule.steps]]
text = "I look."
calls = [{ name = "weather", arguments = { town = "Ulm" } }, { name = "weather", arguments = { town = "Bonn" } }]
[[rule.steps]]
text = "It does."
"""
RAIN_ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Does it rain?"}]


def extra(answer: Any, name: str) -> Any:
    """A field beside OpenAI's own."""
    return answer.model_extra[name]


def test_an_answer(tmp_path: Path) -> None:
    """An agent's model answers; tokens, cost, route and that it was simulated are told, and counted in its budgets."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            answer = await site.openai().chat.completions.create(model="claude", messages=ASKED)
            assert (answer.object, answer.model, answer.id[:9]) == ("chat.completion", "claude", "chatcmpl-")
            [choice] = answer.choices
            assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", ANSWER, "stop")
            assert choice.message.tool_calls is None
            assert answer.usage is not None
            assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
            assert answer.system_fingerprint == "simulated"
            assert extra(answer, "simulated") is True
            assert extra(answer, "route") == "anthropic:claude-sonnet-5-5"
            scopes = await site.scopes()
            assert set(scopes) == {"sim-agent:claude", "sim-model:anthropic:claude-sonnet-5-5", "sim-day", "sim-all"}
            assert {state.spent for state in scopes.values()} == {extra(answer, "cost_microusd")}
            assert scopes["sim-agent:claude"].calls == 1

    run(story())


def test_a_stream(tmp_path: Path) -> None:
    """Text comes in chunks that are the answer; the last ones say how it ended, what it used and what it cost."""

    async def story() -> None:
        async with open_models_site(tmp_path, faults=["between_s=0.01"]) as site:
            stream = await site.openai().chat.completions.create(
                model="claude", messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            assert len({chunk.id for chunk in chunks}) == 1
            assert {chunk.model for chunk in chunks} == {"claude"}
            assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
            assert {chunk.system_fingerprint for chunk in chunks} == {"simulated"}
            assert all(extra(chunk, "simulated") is True for chunk in chunks)
            assert chunks[0].choices[0].delta.role == "assistant"
            said = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
            assert "".join(said) == ANSWER
            assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"
            assert extra(chunks[-2], "cost_microusd") > 0
            assert (chunks[-1].choices, [chunk.usage for chunk in chunks[:-1]]) == ([], [None] * (len(chunks) - 1))
            assert chunks[-1].usage is not None
            assert chunks[-1].usage.completion_tokens > 0
            assert await site.reserved() == 0

    run(story())


def test_a_stream_as_it_is_sent(tmp_path: Path) -> None:
    """It is server-sent events that end with `[DONE]`, guarded as every answer; usage is only told on demand."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            answer = await site.post({"model": "claude", "messages": ASKED, "stream": True})
            assert answer.headers["content-type"].startswith("text/event-stream")
            are_guarded(answer.headers)
            events = answer.text.split("\n\n")
            assert events[-2:] == ["data: [DONE]", ""]
            assert all("usage" not in json.loads(event.removeprefix("data: ")) for event in events[:-2])

    run(story())


def test_a_stream_comes_as_the_model_speaks(tmp_path: Path) -> None:
    """The reader has the first words while the model is still silent about the rest."""

    async def story() -> None:
        async with open_models_site(tmp_path, _LONG) as site:
            stream = await site.openai().chat.completions.create(model="claude", messages=SILENCE, stream=True)
            said = ""
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""
                if said:
                    break
            assert _WORDS.startswith(said)
            assert len(said) < len(_WORDS)
            await stream.close()
            await until(lambda: _is_settled(site))

    run(story())


async def _is_settled(site: ModelsSite) -> bool:
    return await site.reserved() == 0


@pytest.mark.parametrize("agent", ["claude", "gpt", "deepseek"])
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_go_there_and_back(tmp_path: Path, agent: str, streamed: bool) -> None:
    """Calls of tools come out, and their answers go in, through each of the three wire forms."""

    async def story() -> None:
        async with open_models_site(tmp_path, RAIN) as site:
            client = site.openai()
            calls: list[dict[str, Any]] = []
            if streamed:
                stream = await client.chat.completions.create(
                    model=agent, messages=RAIN_ASKED, tools=[WEATHER], stream=True
                )
                reason = None
                async for chunk in stream:
                    reason = chunk.choices[0].finish_reason
                    for delta in chunk.choices[0].delta.tool_calls or ():
                        assert delta.index == len(calls)
                        calls.append(delta.model_dump(exclude={"index"}))
            else:
                answer = await client.chat.completions.create(model=agent, messages=RAIN_ASKED, tools=[WEATHER])
                reason = answer.choices[0].finish_reason
                calls = [call.model_dump() for call in answer.choices[0].message.tool_calls or ()]
            assert reason == "tool_calls"
            assert [json.loads(call["function"]["arguments"])["town"] for call in calls] == ["Ulm", "Bonn"]
            messages: list[Any] = [
                *RAIN_ASKED,
                {"role": "assistant", "content": "I look.", "tool_calls": calls},
                *({"role": "tool", "tool_call_id": call["id"], "content": "wet"} for call in calls),
            ]
            after = await client.chat.completions.create(model=agent, messages=messages, tools=[WEATHER])
            assert after.choices[0].message.content == "It does."
            assert len(site.scene.calls()) == 2

    run(story())


def test_the_models_are_the_agents(tmp_path: Path) -> None:
    """Agents that ask models are listed, and `auto`; a reader may look, and the analyst is not among them."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            models = await site.openai(site.token(Role.READ)).models.list()
            assert {model.id for model in models.data} == {"auto", "claude", "gpt", "deepseek", "mistral", "gemini"}
            assert all(extra(model, "simulated") is True for model in models.data)
            assert {extra(model, "why_not") for model in models.data} == {""}

    run(story())


def test_auto_chooses_among_agents_that_ask_models(tmp_path: Path) -> None:
    """`auto` is answered by an agent, which is named; a kind may be said."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            for model in ("auto", "auto:review"):
                answer = await site.openai().chat.completions.create(model=model, messages=ASKED)
                assert answer.model in {"claude", "gpt", "deepseek", "mistral", "gemini"}
            with pytest.raises(openai.NotFoundError, match="auto:review"):
                await site.openai().chat.completions.create(model="auto:sing", messages=ASKED)

    run(story())


# -- who may, and what is refused ----------------------------------------------------------------------------------


def test_who_may_not_is_told_in_openais_form(tmp_path: Path) -> None:
    """No token, a wrong one, and one that only reads: its client raises what it always does, and nothing is asked."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            with pytest.raises(openai.AuthenticationError) as wrong:
                await site.openai("ez-wrong").chat.completions.create(model="claude", messages=ASKED)
            assert wrong.value.code == "invalid_api_key"
            with pytest.raises(openai.PermissionDeniedError, match="operate"):
                await site.openai(site.token(Role.READ)).chat.completions.create(model="claude", messages=ASKED)
            bare = await site.http.post("/v1/chat/completions", json={})
            assert bare.status_code == 401
            assert bare.json()["error"]["type"] == "authentication_error"
            assert site.scene.calls() == []

    run(story())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         "messages[0].content[0]"),
        ({"model": 5}, "model"),
        ({"n": 2}, "n"),
        ({"stop": ["x"]}, "stop"),
        ({"top_k": 3}, "top_k"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_its_name(tmp_path: Path, fields: dict[str, Any], param: str) -> None:
    """A request that cannot be done as it is meant is 400, and says which field."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            body = {"model": "claude", "messages": ASKED} | fields
            answer = await site.post(body)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
            assert answer.json()["error"]["type"] == "invalid_request_error"
            assert site.scene.calls() == []

    run(story())


def test_other_errors_have_the_same_form(tmp_path: Path) -> None:
    """A model that is not there, a body that is none, one that is too large, and a way that is not there."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            with pytest.raises(openai.NotFoundError) as unknown:
                await site.openai().chat.completions.create(model="cluade", messages=ASKED)
            assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
            assert "claude" in str(unknown.value)
            with pytest.raises(openai.NotFoundError):
                await site.openai().chat.completions.create(model="local", messages=ASKED)
            token = {"authorization": f"Bearer {site.token(Role.ADMIN)}"}
            answers = [
                await site.http.post("/v1/chat/completions", content=b"{", headers={**token, **_JSON}),
                await site.http.post("/v1/chat/completions", content=b"{}", headers=token),
                await site.http.post("/v1/chat/completions", content=b"x" * 2**20 + b"x", headers={**token, **_JSON}),
                await site.http.post("/v1/nowhere", headers=token),
                await site.http.get("/v1/chat/completions", headers=token),
            ]
            assert [answer.status_code for answer in answers] == [400, 415, 413, 404, 405]
            for answer in answers:
                assert answer.headers["content-type"] == "application/json"
                assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
                are_guarded(answer.headers)

    run(story())


def test_an_agent_that_cannot_work_says_why(tmp_path: Path) -> None:
    """A paused agent is 503 with the way out, and its client does not try again by itself."""

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            await site.scene.client.operator.pause(["claude"])
            with pytest.raises(openai.InternalServerError, match="ez resume claude") as paused:
                await site.openai(retries=3).chat.completions.create(model="claude", messages=ASKED)
            assert (paused.value.status_code, paused.value.code) == (503, "agent_unavailable")
            assert paused.value.response.headers["x-should-retry"] == "false"

    run(story())


def test_the_program_of_the_documents_runs(tmp_path: Path) -> None:
    """The example for Python prints an answer as it comes."""
    [program] = re.findall(r"^```py\n(.*?)^```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.M | re.S)
    environ = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            text = f"token = {site.token()!r}\n" + program.replace("http://127.0.0.1:3000", site.origin)
            text = text.replace("What is a lease?", "hello")
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", text], env=environ, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stdout) == (0, ANSWER), done.stderr

    run(story())


def test_a_site_without_a_hosts_models_says_so(settings: Settings) -> None:
    """Where nothing asks models both routes answer 503 with the reason, and are in the document as such."""

    async def story() -> None:
        async with open_site(settings) as site:
            for answer in (
                await site.post("/v1/chat/completions", {"model": "claude", "messages": ASKED}),
                await site.get("/v1/models"),
            ):
                assert answer.status_code == 503
                assert "agents ask models" in answer.json()["error"]["message"]

    run(story())


# -- money ---------------------------------------------------------------------------------------------------------


def test_over_the_limit_nothing_is_asked(tmp_path: Path) -> None:
    """A budget that is spent refuses the call before it is made, as OpenAI refuses an account without money."""

    async def story() -> None:
        async with open_models_site(tmp_path, budget_day_usd=0.0) as site:
            for streamed in (False, True):
                with pytest.raises(openai.RateLimitError, match="budget_day_usd") as refused:
                    await site.openai(retries=3).chat.completions.create(
                        model="claude", messages=ASKED, stream=streamed
                    )
                assert refused.value.code == "insufficient_quota"
            assert site.scene.calls() == []

    run(story())


def test_many_at_once_get_what_fits(tmp_path: Path) -> None:
    """Calls at one time hold what they may cost: those that do not fit beside the others may come again."""

    async def story() -> None:
        async with open_models_site(tmp_path, budget_agent_usd=0.05) as site:
            client = site.openai()
            asking = [
                asyncio.ensure_future(client.chat.completions.create(model="claude", messages=SILENCE, max_tokens=1000))
                for _ in range(12)
            ]
            await until(lambda: sum(one.done() for one in asking) + len(site.scene.calls()) == 12)
            refused = [one.exception() for one in asking if one.done()]
            assert 0 < len(refused) < 12
            for error in refused:
                assert isinstance(error, openai.RateLimitError)
                assert error.code == "rate_limit_exceeded"
                assert error.response.headers["retry-after"]
            assert 0 < await site.reserved() <= 50_000
            for one in asking:
                one.cancel()
            await asyncio.wait(asking)
            await until(lambda: _is_settled(site))
            assert (await site.scopes())["sim-agent:claude"].spent <= 50_000

    run(story())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_reader_who_leaves_ends_the_call(tmp_path: Path, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is not asked on, what was held is spent, and nothing of the call is left."""
    monkeypatch.setattr(answering, "KEEP_ALIVE_S", 600.0)  # else the next comment would find out

    async def story() -> None:
        async with open_models_site(tmp_path) as site:
            async with httpx2.AsyncClient(base_url=site.origin, trust_env=False) as leaver:
                asking = asyncio.ensure_future(
                    leaver.post(
                        "/v1/chat/completions",
                        json={"model": "claude", "messages": SILENCE, "stream": streamed},
                        headers={"authorization": f"Bearer {site.token()}"},
                    )
                )
                await until(site.scene.calls)
                held = await site.reserved()
                assert held > 0
                asking.cancel()
                await asyncio.wait({asking})
            await until(lambda: _is_settled(site))
            scope = (await site.scopes())["sim-agent:claude"]
            assert (scope.spent, scope.calls) == (held, 1)
            calls = site.scene.fleet.model_calls()
            assert calls is not None
            assert not calls._running

    run(story())


def test_a_site_that_closes_tells_its_readers(tmp_path: Path) -> None:
    """A stream that is on its way when the host stops ends with the reason, and is settled."""

    async def story() -> None:
        said = asyncio.Event()

        async def read(client: openai.AsyncOpenAI) -> None:
            stream = await client.chat.completions.create(model="claude", messages=SILENCE, stream=True)
            async for chunk in stream:
                said.set()
                assert chunk.id

        async with open_models_site(tmp_path) as site:
            reading = asyncio.ensure_future(read(site.openai()))
            await asyncio.wait_for(said.wait(), 20)
            await site.listener.close()
            with pytest.raises(openai.APIError, match="this host is stopping"):
                await asyncio.wait_for(reading, 20)
            assert await site.reserved() == 0

    run(story())


# -- what breaks ---------------------------------------------------------------------------------------------------


def test_a_stream_that_breaks_after_its_first_words_ends_with_an_error(tmp_path: Path) -> None:
    """What was read cannot be taken back, so no other answer is put behind it; the client raises."""

    async def story() -> None:
        async with open_models_site(tmp_path, _LONG) as site:
            stream = await site.openai().chat.completions.create(model="gpt", messages=BREAKS_SLOWLY, stream=True)
            said = ""
            with pytest.raises(openai.APIError, match="broke off"):
                async for chunk in stream:
                    said += chunk.choices[0].delta.content or ""
            assert said
            assert len(site.scene.calls()) == 1
            assert await site.reserved() == 0

    run(story())


def test_what_breaks_is_tried_again_where_nothing_was_read(tmp_path: Path) -> None:
    """A whole answer has every try and every route that a task has."""

    async def story() -> None:
        async with open_models_site(tmp_path, faults=["500,first=1"]) as site:
            answer = await site.openai().chat.completions.create(model="claude", messages=ASKED)
            assert answer.choices[0].message.content == ANSWER
            assert len(site.scene.calls()) == 2
            stream = await site.openai().chat.completions.create(model="claude", messages=ASKED, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(said) == ANSWER

    run(story())


def test_a_silent_model_is_bridged_by_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing comes, a comment says that somebody is there; clients pass over it."""
    monkeypatch.setattr(answering, "KEEP_ALIVE_S", 0.05)

    async def story() -> None:
        async with open_models_site(tmp_path, faults=["first_byte_s=0.5"]) as site:
            stream = await site.openai().chat.completions.create(model="claude", messages=ASKED, stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(said) == ANSWER
            answer = await site.post({"model": "claude", "messages": ASKED, "stream": True})
            assert ":\n\n" in answer.text

    run(story())


def test_a_provider_that_refuses_is_told_as_the_askers_mistake(tmp_path: Path) -> None:
    """A context that is too long, and a request that no provider takes, are 400 with the provider's words."""

    async def story() -> None:
        async with open_models_site(tmp_path, faults=["400,reason=too_long"]) as site:
            with pytest.raises(openai.BadRequestError) as long:
                await site.openai().chat.completions.create(model="claude", messages=ASKED)
            assert long.value.code == "context_length_exceeded"
        async with open_models_site(tmp_path, faults=["400"]) as site:
            with pytest.raises(openai.BadRequestError) as refused:
                await site.openai().chat.completions.create(model="claude", messages=ASKED)
            assert refused.value.code == "provider_refused"

    run(story())


def test_a_busy_provider_says_when_to_come_back(tmp_path: Path) -> None:
    """Where every route is limited for long, 503 carries Retry-After."""

    async def story() -> None:
        async with open_models_site(tmp_path, faults=["429,retry_after=60"]) as site:
            with pytest.raises(openai.InternalServerError) as busy:
                await site.openai().chat.completions.create(model="claude", messages=ASKED)
            assert busy.value.status_code == 503
            assert int(busy.value.response.headers["retry-after"]) >= 1

    run(story())
