"""One call to a model, along a chain of routes. Job: choose, reserve, send, read, settle, and again where that helps.

Not its job: wire forms (dialects), deadlines (client), decisions (policy, journey), money (whoever the Meter is).

Every reservation is settled exactly once, whatever happens: by the usage of a whole answer, in full where the outcome
is unknown (it broke off, or the caller was cancelled, after the request was sent), and given back where nothing was
billed. A partial answer is never returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from ezaigents.clock import Clock
from ezaigents.endings import cancel_again, see_through
from ezaigents.errors import RetryLater
from ezaigents.providers import policy
from ezaigents.providers.answering import Told, read_answer
from ezaigents.providers.catalogue import Catalogue, Route
from ezaigents.providers.client import Client, Post, Sending
from ezaigents.providers.dialects import Dialect, dialect
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.floor import floor_usage
from ezaigents.providers.journey import Journey, Leg
from ezaigents.providers.keys import Key, KeyPool
from ezaigents.providers.meter import Meter, Reservation, Try
from ezaigents.providers.redacting import Redactor
from ezaigents.providers.standing import ProviderState, Standings
from ezaigents.providers.transcript import Reply, Request
from ezaigents.records import Usage

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0
"""Whoever is cancelled waits this long for the meter; then the hold is left to end by its time."""
SIMULATED_HEADER = "x-ez-simulated"
TAG_HEADER = "x-ez-call"
OK = 200
_WINDOW = 128_000
"""Where no model of a chain is known: it will not be asked."""


class _Call(msgspec.Struct):
    """What one `call` was given, and where it is."""

    request: Request
    meter: Meter
    journey: Journey
    on_text: Told
    on_restart: Callable[[], None] | None
    on_try: Callable[[Try], None] | None
    on_reply: Callable[[Reply], Coroutine[Any, Any, None]] | None
    waited_s: float = 0.0
    has_told: bool = False

    def teller(self) -> Told:
        """What the text of a try is given to; None where nobody listens."""
        return None if self.on_text is None else self._tell

    def start_over(self) -> None:
        """A try has failed: what was told of it is void."""
        if self.has_told and self.on_restart is not None:
            self.on_restart()
        self.has_told = False

    def _tell(self, text: str) -> None:
        assert self.on_text is not None
        self.has_told = True
        self.on_text(text)


class _Attempt(msgspec.Struct, frozen=True):
    """One try: everything it needs."""

    route: Route
    key: Key | None
    dialect: Dialect
    url: str
    probe: bool
    sending: Sending


class Caller:
    """Calls models. Any number of calls at once share its client, keys and breakers.

    `luck`: gives numbers in [0, 1). `sleep`: waits so many seconds.
    """

    def __init__(
        self, catalogue: Catalogue, keys: KeyPool, client: Client, *, clock: Clock, luck: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._catalogue = catalogue
        self._keys = keys
        self._client = client
        self._clock = clock
        self._luck = luck
        self._sleep = sleep
        self._standings = Standings(catalogue, keys, clock, luck)
        self._redactor: tuple[frozenset[str], Redactor] = (frozenset(), Redactor(()))

    async def call(
        self, chain: Sequence[Route], request: Request, meter: Meter, *, on_text: Told = None,
        on_restart: Callable[[], None] | None = None, on_try: Callable[[Try], None] | None = None,
        on_reply: Callable[[Reply], Coroutine[Any, Any, None]] | None = None,
    ) -> Reply:  # fmt: skip
        """Ask the first route of the chain that can answer; its whole answer, with the usage it was settled by.

        `on_text`: given visible text as it comes, all of it together the texts of the answer. `on_restart`: told when a
        try failed of which text was given: that is void, and the text begins anew. What either raises ends the call.
        `on_try`: told of each try. `on_reply`: awaited with a whole answer while it is settled, and always to its end:
        where it is kept.
        Raises NoRoute, RoutesBusy, CallFailed (`too_long`, `rejected`), and what the meter raises. A caller that is
        cancelled when an answer is whole gets it, and the cancellation at its next wait.
        """
        call = _Call(request, meter, Journey(chain, self._standings.hindrance), on_text, on_restart, on_try, on_reply)
        while True:
            step = call.journey.next(self._clock.monotonic_s(), self._luck())
            if step.wait_s > 0:
                await self._rest(call, step.wait_s)
            elif (reply := await self._try(call, step.leg)) is not None:
                return reply
            else:
                call.start_over()

    def why_not(self, route: Route) -> str:
        """Why the route cannot be asked, where that does not pass by itself; "" = it can, now or after a while."""
        return self._standings.obstacle(route.provider)

    def window(self, chain: Sequence[Route]) -> int:
        """Tokens that the smallest model of a chain takes and gives; providers that nobody knows do not count."""
        known = [route for route in chain if route.provider in self._catalogue.providers]
        return min((self._catalogue.model(route).window for route in known), default=_WINDOW)

    def pause(self, provider: str) -> None:
        """Ask a provider no more, until it is resumed. Raises InputError."""
        self._standings.pause(provider)

    def resume(self, provider: str) -> None:
        """Let a provider be asked again, whatever stopped it. Raises InputError."""
        self._standings.resume(provider)

    def describe(self) -> list[ProviderState]:
        """Every provider as it stands; no part of a key is in it."""
        return self._standings.describe()

    def redacted(self, text: str) -> str:
        """The text without keys."""
        secrets = frozenset(self._keys.secrets())
        if self._redactor[0] != secrets:
            self._redactor = (secrets, Redactor(secrets))
        return self._redactor[1](text)

    async def close(self) -> None:
        """Close the connections; no call may be on its way."""
        await self._client.close()

    # -- one try -------------------------------------------------------------------------------------------------

    async def _try(self, call: _Call, leg: Leg) -> Reply | None:
        """Make one try; None = it failed, and the journey knows what follows."""
        attempt = self._begin(leg)
        began_s = self._clock.monotonic_s()
        reply, told = None, None
        try:
            reply = await self._paid(call, attempt)
        except CallFailed as failure:
            told = self._told(attempt.route, failure)
        except BaseException as error:
            self._standings.nothing(attempt.route.provider, probe=attempt.probe)
            if isinstance(error, asyncio.CancelledError):
                self._tell(call, attempt, "cancelled", began_s)
            raise
        if told is not None:  # not while the other is being handled: it would stay attached, and it may hold a key
            self._tell(call, attempt, told.kind.value, began_s, told)
            self._failed(call, leg, attempt, told)
            return None
        self._standings.answered(attempt.route.provider)
        if attempt.key is not None:
            self._keys.worked(attempt.key)
        return reply

    def _begin(self, leg: Leg) -> _Attempt:
        """Nothing is awaited between the journey's look and this, so that what was free then is free now."""
        leg.tries += 1
        provider = self._catalogue.provider(leg.route.provider)
        spoken = dialect(provider.dialect)
        return _Attempt(
            route=leg.route,
            key=self._keys.choose(provider.name),
            dialect=spoken,
            url=provider.base_url + spoken.path,
            probe=self._standings.begin(provider.name),
            sending=Sending(),
        )

    async def _paid(self, call: _Call, attempt: _Attempt) -> Reply:
        """Reserve, exchange, settle: once each."""
        model = self._catalogue.model(attempt.route)
        most = min(call.request.max_output_tokens, model.max_output)
        request = msgspec.structs.replace(call.request, model=attempt.route.model, max_output_tokens=most)
        body = attempt.dialect.body(request, model.quirks, route=str(attempt.route))
        held = await self._reserve(call, attempt, request, len(body))
        began_s = self._clock.monotonic_s()
        try:
            if held.max_output_tokens < most:
                request = msgspec.structs.replace(request, max_output_tokens=held.max_output_tokens)
                body = attempt.dialect.body(request, model.quirks, route=str(attempt.route))
            reply = await self._exchange(call, attempt, request, body)
        except CallFailed as failure:
            await self._settle(call, attempt, held, None, sent=failure.may_be_billed)
            raise
        except BaseException:
            await self._settle(call, attempt, held, None, sent=attempt.sending.begun)
            raise
        reply = msgspec.structs.replace(reply, usage=floor_usage(len(body), reply))
        await self._kept(call, attempt, held, reply, began_s)
        return reply

    async def _kept(self, call: _Call, attempt: _Attempt, held: Reservation, reply: Reply, began_s: float) -> None:
        """Have a whole answer kept, and settle it meanwhile: whatever happens it is not asked for again.

        Whoever was cancelled meanwhile gets the answer all the same, and the cancellation at his next wait.
        """
        self._tell(call, attempt, "ok", began_s)
        cancelled = again = False
        keeping = None if call.on_reply is None else asyncio.ensure_future(call.on_reply(reply))
        try:
            await self._settle(call, attempt, held, reply.usage, sent=True)
        except asyncio.CancelledError:
            cancelled = True
        finally:
            if keeping is not None:
                again = await self._seen_through(keeping, cancelled=cancelled)
        if cancelled or again:
            cancel_again()

    @staticmethod
    async def _seen_through(keeping: asyncio.Future[None], *, cancelled: bool) -> bool:
        """Wait until the answer is kept; whether somebody cancelled meanwhile. Who was cancelled hears that first."""
        try:
            return (await see_through(keeping))[1]
        except Exception as error:
            if cancelled:
                raise asyncio.CancelledError from error
            raise

    async def _reserve(self, call: _Call, attempt: _Attempt, request: Request, body_bytes: int) -> Reservation:
        reserving = call.meter.reserve(attempt.route, request, body_bytes, call.journey.tries)
        held, cancelled = await see_through(reserving, patience_s=_PATIENCE_S)
        if cancelled:
            await self._settle(call, attempt, held, None, sent=False)
            raise asyncio.CancelledError from None
        return held

    async def _settle(
        self, call: _Call, attempt: _Attempt, held: Reservation, usage: Usage | None, *, sent: bool
    ) -> None:
        """Settle to the end. Where the meter cannot be reached the hold ends as spent by itself; the answer counts."""
        cancelled = False
        try:
            settling = call.meter.settle(held, attempt.route, usage, sent=sent)
            _, cancelled = await see_through(settling, patience_s=_PATIENCE_S)
        except RetryLater as error:
            _log.warning("hold %s could not be settled, and ends as spent: %s", held.name, error)
        if cancelled:
            raise asyncio.CancelledError from None

    async def _exchange(self, call: _Call, attempt: _Attempt, request: Request, body: bytes) -> Reply:
        key = attempt.key.secret.reveal() if attempt.key is not None else ""
        headers = attempt.dialect.headers(key)
        if self._catalogue.simulated and request.tag:
            headers |= {TAG_HEADER: request.tag}
        post = Post(url=attempt.url, headers=headers, body=body)
        async with self._client.send(post, attempt.sending) as answer:
            route = str(attempt.route)
            reply = await read_answer(attempt.dialect, answer, route, streams=request.stream, on_text=call.teller())
            simulated = reply.simulated or self._catalogue.simulated or SIMULATED_HEADER in answer.headers
            return msgspec.structs.replace(reply, simulated=simulated)

    # -- after it ------------------------------------------------------------------------------------------------

    def _failed(self, call: _Call, leg: Leg, attempt: _Attempt, failure: CallFailed) -> None:
        """Do what follows from a failure. Raises it where nothing else helps."""
        provider, key = attempt.route.provider, attempt.key
        strikes = key.strikes + 1 if key is not None else leg.tries
        verdict = policy.follows(failure, tries=leg.tries, strikes=strikes, luck=self._luck())
        if failure.kind in policy.FAULTS:
            self._standings.fault(provider, probe=attempt.probe)
        else:
            self._standings.answered(provider)
        if failure.kind is FailureKind.SPEND_LIMIT:
            self._standings.stop(provider, failure.until_ms)
        if verdict.next is policy.Next.GIVE_UP:
            raise failure
        if verdict.next is policy.Next.OTHER_KEY:
            verdict = self._without_key(leg, key, failure, verdict)
        call.journey.failed(leg, failure, verdict, self._clock.monotonic_s())

    def _without_key(self, leg: Leg, key: Key | None, failure: CallFailed, verdict: policy.Verdict) -> policy.Verdict:
        """Let the key rest, or drop it. Where there is none, it is the route that rests, or never will do."""
        refused = failure.kind is FailureKind.BAD_KEY
        if key is None:
            return msgspec.structs.replace(verdict, never=refused)
        if refused:
            self._keys.refuse(key)
        else:
            self._keys.rest(key, verdict.rest_s)
        rest_s = policy.exhausted_s(self._luck()) if leg.is_spent else 0.0
        return msgspec.structs.replace(verdict, rest_s=rest_s)

    def _told(self, route: Route, failure: CallFailed) -> CallFailed:
        """The failure as it may be told: without keys, and without what raised it."""
        return CallFailed(
            failure.kind,
            self.redacted(f"{route}: {failure}"),
            status=failure.status,
            retry_after_s=failure.retry_after_s,
            until_ms=failure.until_ms,
            may_be_billed=failure.may_be_billed,
            usage=failure.usage,
        )

    def _tell(
        self, call: _Call, attempt: _Attempt, outcome: str, began_s: float, failure: CallFailed | None = None
    ) -> None:
        waited_s, call.waited_s = call.waited_s, 0.0
        if call.on_try is None:
            return
        status = failure.status if failure else OK if outcome == "ok" else 0
        call.on_try(
            Try(
                route=attempt.route,
                key_number=attempt.key.number if attempt.key else 0,
                outcome=outcome,
                status=status,
                message=str(failure) if failure else "",
                took_s=self._clock.monotonic_s() - began_s,
                waited_s=waited_s,
            )
        )

    async def _rest(self, call: _Call, wait_s: float) -> None:
        """Wait so long, or until some provider's standing changes."""
        began_s = self._clock.monotonic_s()
        waits = [asyncio.ensure_future(self._sleep(wait_s)), asyncio.ensure_future(self._standings.moved())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        waited_s = self._clock.monotonic_s() - began_s
        call.waited_s += waited_s
        call.journey.waited_s += waited_s
