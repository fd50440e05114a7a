"""What monitoring is told. Job: figures of a fleet as metrics, in base units; pure. Not its job: reading them (client).

Counters go on for as long as the engine's data lives, over every host. Labels of tokens are those of OpenTelemetry's
conventions for generative AI; its histograms are not told, because only sums are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ezaigents.api.exposition import Metric, MetricType, Sample, counter, gauge
from ezaigents.api.process import ProcessFigures
from ezaigents.api.resource_metrics import resource_metrics
from ezaigents.budget import ScopeState
from ezaigents.client import Figures
from ezaigents.monitor import Sample as ResourceSample
from ezaigents.records import AgentState
from ezaigents.team import State

_USD = 1_000_000
_FALSE_TRUE = ("false", "true")


def metrics_of(figures: Figures, sample: ResourceSample, process: ProcessFigures | None, version: str) -> list[Metric]:
    """Every metric, in the order in which it is told. `process`: who answers; None = nobody who stays."""
    told = [*_fleet(figures, version), *_tasks(figures), *_agents(figures), *_spending(figures)]
    return [*told, *resource_metrics(sample), *(_process(process) if process else ())]


def _fleet(figures: Figures, version: str) -> Iterator[Metric]:
    engine = figures.status.engine
    yield _info("ez_build", "The version that answers.", {"version": version})
    yield _info(
        "ez_engine",
        "The engine.",
        {"kind": engine.kind, "version": engine.version, "durability": engine.durability},
    )
    yield gauge("ez_hosts", "Hosts that live.", [Sample(len(figures.hosts))])
    yield gauge(
        "ez_engine_memory_bytes",
        "What the engine holds, by its own count.",
        [Sample(figures.memory.used_bytes)],
        "bytes",
    )
    if figures.memory.most_bytes:
        yield gauge("ez_engine_memory_limit_bytes", "What it may hold.", [Sample(figures.memory.most_bytes)], "bytes")


def _tasks(figures: Figures) -> Iterator[Metric]:
    states = figures.status.queue.items()
    yield gauge("ez_tasks", "Tasks that the engine keeps.", [Sample(count, {"state": name}) for name, count in states])
    yield counter("ez_tasks_accepted", "Tasks that were taken.", [Sample(figures.accepted)])
    yield counter("ez_tasks_purged", "Ended tasks that were forgotten.", [Sample(figures.purged)])
    yield gauge(
        "ez_queue_oldest_age_seconds",
        "The longest wait of a ready task that is first in its lane and priority; 0 when none is ready.",
        [Sample(figures.oldest_wait_s)],
        "seconds",
    )


def _agents(figures: Figures) -> Iterator[Metric]:
    agents = figures.agents
    yield gauge("ez_agents", "Agents, those of hosts that are gone too.", [Sample(len(agents))])
    yield gauge(
        "ez_agent_slots", "Tasks it may run at once.", [Sample(one.slots, {"agent": one.name}) for one in agents]
    )
    yield gauge("ez_agent_busy_tasks", "Tasks it runs now.", [Sample(one.busy, {"agent": one.name}) for one in agents])
    yield _states("ez_agent_health", "How it is.", State, {one.name: one.health for one in agents})
    yield _states(
        "ez_agent_state", "Whether it can work.", AgentState, {one.name: one.state.partition(":")[0] for one in agents}
    )


def _spending(figures: Figures) -> Iterator[Metric]:
    scopes = {"false": figures.spent, "true": figures.spent_simulated}

    def of_each(value: Callable[[ScopeState], float], more: Mapping[str, str] | None = None) -> list[Sample]:
        return [Sample(value(scope), {"simulated": name, **(more or {})}) for name, scope in scopes.items()]

    yield counter(
        "ez_spent_usd", "Money that settled calls to models cost.", of_each(lambda one: one.spent / _USD), "usd"
    )
    yield gauge(
        "ez_reserved_usd", "Money set aside for calls under way.", of_each(lambda one: one.reserved / _USD), "usd"
    )
    yield counter("ez_model_calls", "Calls to models that were settled.", of_each(lambda one: one.calls))
    yield counter(
        "ez_tokens",
        "Tokens of settled calls to models.",
        [
            *of_each(lambda one: one.input_tokens, {"gen_ai_token_type": "input"}),
            *of_each(lambda one: one.output_tokens, {"gen_ai_token_type": "output"}),
        ],
    )
    yield counter(
        "ez_agent_spent_usd",
        "Money that the calls of an agent cost on a UTC day; told on that day.",
        [
            Sample(
                one.scope.spent / _USD,
                {"agent": one.agent, "day": one.day, "simulated": _FALSE_TRUE[one.simulated]},
            )
            for one in figures.by_agent
        ],
        "usd",
    )


def _process(process: ProcessFigures) -> Iterator[Metric]:
    """Under the names that every client library tells of the process that answers."""
    about = "Of the process that answers: "
    yield counter("process_cpu_seconds", f"{about}processor time.", [Sample(process.cpu_s)], "seconds")
    if process.resident_bytes:
        yield gauge(
            "process_resident_memory_bytes", f"{about}resident memory.", [Sample(process.resident_bytes)], "bytes"
        )
    if process.started_at_s:
        yield gauge(
            "process_start_time_seconds", f"{about}start, Unix time.", [Sample(process.started_at_s)], "seconds"
        )
    if process.open_files:
        yield gauge("process_open_fds", f"{about}open files.", [Sample(process.open_files)])


def _info(name: str, about: str, labels: dict[str, str]) -> Metric:
    return Metric(name=name, type=MetricType.INFO, about=about, samples=(Sample(1, labels),))


def _states(name: str, about: str, states: type[State | AgentState], of_each: dict[str, str]) -> Metric:
    """Each agent in each state, 1 in the one that it is in."""
    samples = [
        Sample(state.value == now, {"agent": agent, name: state.value})
        for agent, now in of_each.items()
        for state in states
    ]
    return Metric(name=name, type=MetricType.STATESET, about=about, samples=tuple(samples))
