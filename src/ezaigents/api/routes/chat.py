"""`/v1/chat/completions`, `/v1/models`: a fleet's models for OpenAI's clients. Not its job: conversions (chat)."""

from __future__ import annotations

import os
import re
import time
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer, read_body
from ezaigents.api.chat.completion import ChatChunk, ChatCompletion, ModelList, ModelRow
from ezaigents.api.chat.errors import OpenAIError
from ezaigents.api.chat.request import ChatRequest
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.errors import InputError
from ezaigents.records import AgentCard

_UNKNOWN = re.compile(r"unknown field `(\w+)`")


async def chat_completions(request: Request) -> Response:
    """Have one answer of an agent's model; whole, or in chunks as it comes."""
    from ezaigents.api.chat.answering import Asking, StreamedAnswer, WholeAnswer
    from ezaigents.api.chat.choosing import agent_for
    from ezaigents.api.chat.inbound import last_words, neutral_request
    from ezaigents.api.chat.outbound import Frame

    services = Services.of(request)
    asked = await _asked(request)
    wanted = neutral_request(asked)
    calls = services.calls()
    card = await agent_for(asked.model, last_words(asked), calls.cards(), services.client)
    frame = Frame(
        id=f"chatcmpl-{os.urandom(12).hex()}", created=int(time.time()), agent=card.name, simulated=card.simulated
    )
    grant, access = request.scope["grant"], Services.of(request).access
    asking = Asking(calls=calls, request=wanted, frame=frame, by=grant, is_welcome=partial(access.is_good, grant))
    if not asked.stream:
        return WholeAnswer(asking)
    tells_usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
    return StreamedAnswer(asking, tells_usage=tells_usage)


async def list_models(request: Request) -> Response:
    """The agents that ask models, and `auto`."""
    from ezaigents.api.chat.choosing import AUTO

    services = Services.of(request)
    rows = [_row(card, services.began_s) for card in services.calls().cards()]
    auto = ModelRow(id=AUTO, created=services.began_s, simulated=all(row.simulated for row in rows))
    return answer(request, ModelList(data=[auto, *rows]))


async def _asked(request: Request) -> ChatRequest:
    """The body. Raises InputError with the place, a field that is not known among it."""
    try:
        asked: ChatRequest = await read_body(request, ChatRequest)
    except InputError as error:
        if error.field == "body" and (unknown := _UNKNOWN.search(error.message)):
            raise InputError(unknown[1], "is not known here; leave it out") from None
        raise
    return asked


def _row(card: AgentCard, created_s: int) -> ModelRow:
    return ModelRow(id=card.name, created=created_s, simulated=card.simulated, why_not=card.reason, routes=card.models)


ROUTES = (
    Route(
        method="POST", path="/v1/chat/completions", role=Role.OPERATE, endpoint=chat_completions, takes=ChatRequest,
        gives=ChatCompletion, streams=ChatChunk, fails=OpenAIError, raises=(400, 404),
        what="One answer of an agent's model, as OpenAI's Chat Completions; in chunks where `stream` is true.",
    ),
    Route(
        method="GET", path="/v1/models", role=Role.READ, endpoint=list_models, gives=ModelList, fails=OpenAIError,
        what="The agents that ask models, and `auto`.",
    ),
)  # fmt: skip
