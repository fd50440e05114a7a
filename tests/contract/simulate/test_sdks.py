"""The providers' own libraries take what the simulated models say, in each dialect, in one piece and as a stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest

from ezaigents.simulate import SimulatedModels

_LONG = "All of it, from the start to the very end, and über alles hinweg. " * 8
_RULES = f"""
[[rule]]
match = "^begin"

[[rule.steps]]
thinking = "Let me think about it for a while, and then a little longer."
text = "{_LONG}"
calls = [{{ name = "read", arguments = {{ path = "ä.py" }} }}, {{ name = "list" }}]

[[rule.steps]]
text = "Done: {{result}}"

[[rule]]
match = "^refuse"
steps = [{{ text = "I will not.", stop = "refusal" }}]
"""
_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}}}
_CALLS = [("read", {"path": "ä.py"}), ("list", {})]


@asynccontextmanager
async def _claude() -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with (
        SimulatedModels([_RULES]) as models,
        anthropic.AsyncAnthropic(api_key="k", base_url=models.url, max_retries=0) as client,
    ):
        yield client


@asynccontextmanager
async def _gpt() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        SimulatedModels([_RULES]) as models,
        openai.AsyncOpenAI(api_key="k", base_url=f"{models.url}/v1", max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("streams", [False, True])
async def test_anthropic(streams: bool) -> None:
    """Thought, words, two calls, usage and the reason to stop arrive; the answer goes back, and the next step comes."""
    async with _claude() as client:
        tools: Any = [{"name": name, "description": "x", "input_schema": _SCHEMA} for name, _ in _CALLS]
        given: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 5000, "tools": tools}
        given["cache_control"] = {"type": "ephemeral"}

        async def ask(messages: Any) -> Any:
            if not streams:
                return await client.messages.create(messages=messages, **given)
            async with client.messages.stream(messages=messages, **given) as stream:
                return await stream.get_final_message()

        asking: Any = [{"role": "user", "content": "begin"}]
        said = await ask(asking)
        thought, words, *calls = said.content
        assert (thought.type, words.text, said.stop_reason, said.model) == (
            "thinking",
            _LONG,
            "tool_use",
            given["model"],
        )
        assert [(call.name, call.input) for call in calls] == _CALLS
        assert said.usage.output_tokens > 100
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": call.name} for call in calls]
        after = await ask([*asking, said.to_param(), {"role": "user", "content": results}])
        assert (after.content[0].text, after.stop_reason) == ("Done: list", "end_turn")
        assert after.usage.cache_read_input_tokens == said.usage.cache_creation_input_tokens > 0


@pytest.mark.parametrize("streams", [False, True])
async def test_openai_responses(streams: bool) -> None:
    """The same through Responses, with nothing stored: the sealed thought goes back as it came."""
    async with _gpt() as client:
        tools: Any = [{"type": "function", "name": name, "parameters": _SCHEMA, "strict": False} for name, _ in _CALLS]
        given: dict[str, Any] = {"model": "gpt-6.1-sol", "store": False, "tools": tools, "instructions": "Be brief."}
        given["include"] = ["reasoning.encrypted_content"]

        async def ask(items: Any) -> Any:
            if not streams:
                return await client.responses.create(input=items, **given)
            async with client.responses.stream(input=items, **given) as stream:
                async for _ in stream:
                    pass
                return await stream.get_final_response()

        asking: Any = [{"role": "user", "content": "begin"}]
        said = await ask(asking)
        assert [item.type for item in said.output] == ["reasoning", "message", "function_call", "function_call"]
        assert (said.output_text, said.status, said.output[0].encrypted_content[:4]) == (_LONG, "completed", "sim-")
        calls = said.output[2:]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == _CALLS
        results = [{"type": "function_call_output", "call_id": call.call_id, "output": call.name} for call in calls]
        back = [
            {key: value for key, value in item.model_dump(exclude_none=True).items() if key != "parsed_arguments"}
            for item in said.output
        ]
        for part in [
            part for item in back for part in item.get("content", ()) if isinstance(item.get("content"), list)
        ]:
            part.pop("parsed", None)
        after = await ask([*asking, *back, *results])
        assert (after.output_text, after.usage.output_tokens > 0) == ("Done: list", True)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("model", ["deepseek-flash", "mistral-large-4", "gemini-3.8-flash", "gpt-6.1-sol"])
async def test_chat_completions(model: str, streams: bool) -> None:
    """The same through Chat Completions, for those who speak it, each with its own way of naming and signing calls."""
    async with _gpt() as client:
        tools: Any = [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name, _ in _CALLS]
        given: dict[str, Any] = {"model": model, "tools": tools}

        async def ask(messages: Any) -> Any:
            if not streams:
                return await client.chat.completions.create(messages=messages, **given)
            usage: Any = {"include_usage": True}
            async with client.chat.completions.stream(messages=messages, stream_options=usage, **given) as stream:
                return await stream.get_final_completion()

        asking: Any = [{"role": "user", "content": "begin"}]
        said = await ask(asking)
        choice = said.choices[0]
        assert (choice.message.content, choice.finish_reason, said.model) == (_LONG, "tool_calls", model)
        calls = choice.message.tool_calls
        assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == _CALLS
        assert said.usage.completion_tokens > 100
        made = [call.model_dump(exclude_none=True) for call in calls]
        for call in made:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        back = {"role": "assistant", "content": choice.message.content, "tool_calls": made}
        results = [{"role": "tool", "tool_call_id": call.id, "content": call.function.name} for call in calls]
        after = await ask([*asking, back, *results])
        assert after.choices[0].message.content == "Done: list"


async def test_refusals_are_seen_as_such() -> None:
    """Each library has its own field for a model that refuses."""
    async with _claude() as client:
        said = await client.messages.create(
            model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "refuse"}]
        )
        assert said.stop_reason == "refusal"
    async with _gpt() as client:
        response: Any = await client.responses.create(model="gpt-6.1-sol", input="refuse", store=False)
        assert response.output[0].content[0].refusal == "I will not."
        chat = await client.chat.completions.create(model="x", messages=[{"role": "user", "content": "refuse"}])
        assert (chat.choices[0].message.refusal, chat.choices[0].finish_reason) == ("I will not.", "content_filter")


async def test_an_output_limit_cuts_the_answer_off() -> None:
    """What does not fit is missing, and the reason to stop says so."""
    async with _claude() as client:
        said = await client.messages.create(
            model="claude-sonnet-5-5", max_tokens=30, messages=[{"role": "user", "content": "begin"}]
        )
        assert (said.stop_reason, said.usage.output_tokens) == ("max_tokens", 30)
    async with _gpt() as client:
        response = await client.responses.create(model="gpt-6.1-sol", input="begin", store=False, max_output_tokens=16)
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        chat = await client.chat.completions.create(
            model="x", max_tokens=20, messages=[{"role": "user", "content": "begin"}]
        )
        assert chat.choices[0].finish_reason == "length"


async def test_errors_are_the_ones_that_the_libraries_know() -> None:
    """A wrong key, a wrong request and an unknown model become the library's own exceptions, with their details."""
    async with _claude() as client:
        asking: Any = {"max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
        with pytest.raises(anthropic.AuthenticationError):
            await client.with_options(api_key="bad").messages.create(model="claude-sonnet-5-5", **asking)
        with pytest.raises(anthropic.NotFoundError, match="no-such-model"):
            await client.messages.create(model="no-such-model", **asking)
        with pytest.raises(anthropic.BadRequestError, match="temperature") as refused:
            await client.messages.create(model="claude-sonnet-5-5", extra_body={"temperature": 0.5}, **asking)
        assert refused.value.request_id is not None
        assert refused.value.request_id.startswith("req_")
    async with _gpt() as gpt:
        with pytest.raises(openai.AuthenticationError) as wrong:
            await gpt.with_options(api_key="bad").responses.create(model="gpt-6.1-sol", input="x")
        assert wrong.value.code == "invalid_api_key"
        with pytest.raises(openai.NotFoundError) as unknown:
            await gpt.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "x"}])
        assert unknown.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as bad:
            await gpt.responses.create(model="gpt-6.1-sol", input="x", temperature=0.5)
        assert bad.value.param == "temperature"


async def test_models_are_listed() -> None:
    """Both libraries can list them."""
    async with _claude() as client:
        assert "claude-sonnet-5-5" in [model.id async for model in client.models.list()]
    async with _gpt() as gpt:
        assert "gpt-6.1-sol" in [model.id async for model in gpt.models.list()]
