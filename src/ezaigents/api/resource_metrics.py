"""What the fleet uses, as metrics. Job: one look of the monitor as families; pure. Not its job: looking (monitor).

Processor time is told of hosts and the engine, which stay; of children, which come and go, only how many and how large
they are: a counter for each would be a new series with every command that an agent runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ezaigents.api.exposition import Metric, Sample, counter, gauge
from ezaigents.monitor import ProcessUse, Role
from ezaigents.monitor import Sample as ResourceSample


def resource_metrics(sample: ResourceSample) -> Iterator[Metric]:
    """Every family; those with nothing to tell have no samples."""
    yield from _processes(sample)
    yield from _engine(sample)
    yield from _containers(sample)


def _processes(sample: ResourceSample) -> Iterator[Metric]:
    staying = [one for one in sample.processes if one.role in (Role.HOST, Role.ENGINE, Role.DASHBOARD)]
    children = [one for one in sample.processes if one.role is Role.CHILD]
    known = [one for one in staying if one.pss_bytes is not None]
    yield gauge(
        "ez_processes",
        "Processes of the fleet on this machine.",
        [Sample(sum(one.role is role for one in sample.processes), {"role": role.value})
         for role in (Role.HOST, Role.ENGINE, Role.CHILD)],
    )  # fmt: skip
    yield counter(
        "ez_process_cpu_seconds",
        "Processor time of a process of the fleet.",
        [Sample(one.cpu_s, _labels(one)) for one in staying],
        "seconds",
    )
    yield gauge(
        "ez_process_resident_memory_bytes",
        "Resident memory of a process of the fleet.",
        [Sample(one.rss_bytes, _labels(one)) for one in staying],
        "bytes",
    )
    yield gauge(
        "ez_process_proportional_memory_bytes",
        "The same, shared pages divided among those who share them.",
        [Sample(one.pss_bytes or 0, _labels(one)) for one in known],
        "bytes",
    )
    yield gauge(
        "ez_children_resident_memory_bytes",
        "Resident memory of the children of hosts together.",
        [Sample(sum(one.rss_bytes for one in children))],
        "bytes",
    )


def _engine(sample: ResourceSample) -> Iterator[Metric]:
    network, rows = sample.network, sample.engine.by_sort
    yield counter("ez_engine_received_bytes", "Bytes that the engine read.", [Sample(network.received_bytes)], "bytes")
    yield counter("ez_engine_sent_bytes", "Bytes that the engine wrote.", [Sample(network.sent_bytes)], "bytes")
    yield gauge(
        "ez_engine_keys",
        "Keys by sort; estimated where there are many.",
        [Sample(row.keys, {"sort": row.sort, "how": row.keys_how}) for row in rows],
    )
    yield gauge(
        "ez_engine_key_bytes",
        "Bytes of the keys of a sort; estimated where not each was measured.",
        [Sample(row.bytes, {"sort": row.sort, "how": row.bytes_how}) for row in rows if row.bytes is not None],
        "bytes",
    )
    yield gauge(
        "ez_agent_engine_bytes",
        "Bytes that the engine holds of an agent: its tasks, lanes and mailbox.",
        [Sample(one.engine_bytes, {"agent": one.name}) for one in sample.agents],
        "bytes",
    )


def _containers(sample: ResourceSample) -> Iterator[Metric]:
    named = [(one, {"container": one.name}) for one in sample.containers]
    yield counter(
        "ez_container_cpu_seconds",
        "Processor time of a running container.",
        [Sample(one.cpu_s, labels) for one, labels in named],
        "seconds",
    )
    yield gauge(
        "ez_container_memory_bytes",
        "Memory of a running container, without what can be let go.",
        [Sample(one.memory_bytes, labels) for one, labels in named],
        "bytes",
    )


def _labels(one: ProcessUse) -> dict[str, str]:
    return {"role": one.role.value, "process": one.name}
