"""The OpenAPI document against the site that serves it: what is made from the one is sent to the other.

Whatever a request holds, what the document allows and what it forbids: no answer is that of a server that failed, and
each has a status, a media type and a form that the document promises. What it forbids is not taken.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from tests.effort import share
from tests.integration.api.site import JOB, open_site

from ezaigents.api.openapi import document
from ezaigents.api.route import Route
from ezaigents.api.routes import ROUTES
from ezaigents.engine.process import engine_pid
from ezaigents.settings import Settings

load_all_checks()
CASES = share(20, 2)
CASES_NIGHTLY = 500
ANSWER_S = 20.0
CHECKED: list[Any] = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)
LATER = (503, 507)
"""Where the document says so, a server may say that it cannot now; whatever else is 5xx has failed."""
SCHEMA = schemathesis.openapi.from_dict(
    msgspec.json.decode(msgspec.json.encode(document(ROUTES, "1"))),
    config=SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(allow_extra_parameters=False, with_security_parameters=False)
            )
        )
    ),
)
"""What a query string holds besides is passed over, and who may ask is the business of other tests."""


class Place:
    """A site that serves in a thread of its own. `task_ids`, `run_ids`: of tasks that are there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._error: BaseException | None = None

    def open(self) -> None:
        self._thread.start()
        self._up.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        if self._error is not None:
            raise self._error

    async def _serve(self) -> None:
        try:
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            async with open_site(self._settings) as site:
                site.write("a.py", "b.py")
                done = await site.finish(paths=["a.py", "b.py"])
                waiting = await site.hand_in(delay_s=3600)
                tasks = [row["id"] for row in (*done, *waiting)]
                self.ids = {"tasks": tasks, "runs": [(await site.yard.task(one)).run for one in tasks]}
                self.origin, self.token = site.origin, site.token
                self._up.set()
                await self._over.wait()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._error = error
        finally:
            self._up.set()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "work").mkdir()
    place = Place(Settings(home=str(folder / "home"), workspace=str(folder / "work"), queue_max_open=100_000))
    place.open()
    yield place
    place.close()
    pid = engine_pid(folder / "home")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


STREAM = "text/event-stream"
EACH = pytest.mark.parametrize("route", ROUTES, ids=_name)


@EACH
def test_every_answer_is_as_the_document_says(route: Route, place: Place) -> None:
    """A few requests to each route, good and bad ones."""
    _try(route, place, CASES)


@pytest.mark.nightly
@EACH
def test_a_great_many_answers_are_as_the_document_says(route: Route, place: Place) -> None:
    """The same rule over many more."""
    _try(route, place, CASES_NIGHTLY)


def _try(route: Route, place: Place, times: int) -> None:
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(_cases(route, place))
    def trial(case: Case[Any]) -> None:
        _ask(case, route, place, session)

    with session:
        trial()


def _cases(route: Route, place: Place) -> st.SearchStrategy[Case[Any]]:
    operation = SCHEMA[route.path][route.method]
    good = operation.as_strategy(GenerationMode.POSITIVE)
    kinds = [good, _of_what_is_there(good, place, route)]
    if route.takes is not None or route.queries or "{" in route.path:
        kinds.append(operation.as_strategy(GenerationMode.NEGATIVE))
    return st.one_of(kinds)


def _of_what_is_there(cases: st.SearchStrategy[Case[Any]], place: Place, route: Route) -> st.SearchStrategy[Case[Any]]:
    """Requests about tasks and agents that there are."""

    def pointed(case: Case[Any], an_id: str, text: str) -> Case[Any]:
        if "id" in case.path_parameters:
            case.path_parameters["id"] = an_id
        if isinstance(case.body, dict) and "prompt" in case.body:
            case.body |= {**JOB, "paths": ["a.py"], "prompt": text}
        return case

    known = place.ids["runs" if "/runs/" in route.path else "tasks"]
    return st.builds(pointed, cases, st.sampled_from(known), st.text(min_size=1))


def _ask(case: Case[Any], route: Route, place: Place, session: requests.Session) -> None:
    headers = {"authorization": f"Bearer {place.token}", "connection": "close"}
    options: dict[str, Any] = {"timeout": ANSWER_S, "allow_redirects": False}
    if route.given_as == STREAM:
        sent = case.as_transport_kwargs(base_url=place.origin, headers=headers)
        with session.request(**sent, **options, stream=True) as begun:
            if begun.status_code == 200:
                assert begun.headers["content-type"].partition(";")[0] == STREAM
                assert next(begun.iter_lines()) == b"retry: 1000"
                return
    answer = case.call(place.origin, headers=headers, session=session, **options)
    assert answer.status_code < 500 or answer.status_code in LATER, answer.text
    case.validate_response(answer, checks=CHECKED)
