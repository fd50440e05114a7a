"""OpenMetrics text. Job: measurements to lines; pure. Not its job: what is measured (metrics).

Source: OpenMetrics 1.0.0, https://prometheus.io/docs/specs/om/open_metrics_spec/ (2026-11-29).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class MetricType(StrEnum):
    """The sorts of metrics that are told here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    INFO = "info"
    STATESET = "stateset"


class Sample(msgspec.Struct, frozen=True):
    """One value. `labels` in the order in which they are shown."""

    value: float
    labels: Mapping[str, str] = {}


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One family. `name`: without `_total` or `_info`, with `unit` at its end where it has one."""

    name: str
    type: MetricType
    about: str
    samples: tuple[Sample, ...]
    unit: str = ""


def gauge(name: str, about: str, samples: list[Sample], unit: str = "") -> Metric:
    """A family of values that rise and fall."""
    return Metric(name=name, type=MetricType.GAUGE, about=about, samples=tuple(samples), unit=unit)


def counter(name: str, about: str, samples: list[Sample], unit: str = "") -> Metric:
    """A family of values that only rise."""
    return Metric(name=name, type=MetricType.COUNTER, about=about, samples=tuple(samples), unit=unit)


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The text of these families, to its end mark; those without samples are left out."""
    lines = [line for metric in metrics if metric.samples for line in _lines(metric)]
    return "\n".join([*lines, "# EOF", ""]).encode("utf-8", "replace")


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# TYPE {metric.name} {metric.type}"
    if metric.unit:
        yield f"# UNIT {metric.name} {metric.unit}"
    yield f"# HELP {metric.name} {_escaped(metric.about)}"
    suffix = {MetricType.COUNTER: "_total", MetricType.INFO: "_info"}.get(metric.type, "")
    for sample in metric.samples:
        labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels.items())
        yield f"{metric.name}{suffix}{f'{{{labels}}}' if labels else ''} {_number(sample.value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
