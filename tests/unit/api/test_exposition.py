"""OpenMetrics text, read back by a parser that is not ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ezaigents.api.exposition import Metric, MetricType, Sample, exposition


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r")), value=st.floats(0, 1e15))
def test_whatever_a_label_holds_comes_back(text: str, value: float) -> None:
    """Quotes, backslashes and line ends in a name of an agent end neither the label nor the line."""
    metric = Metric(name="ez_x", type=MetricType.GAUGE, about=text, samples=(Sample(value, {"agent": text}),))
    (family,) = text_string_to_metric_families(exposition([metric]).decode())  # type: ignore[no-untyped-call]
    assert family.samples[0].labels == {"agent": text}
    assert family.samples[0].value == value


def test_each_sort_has_its_form() -> None:
    """Counters end in `_total`, infos in `_info`, units are said, families without samples are left out."""
    told = exposition([
        Metric(name="ez_c_seconds", type=MetricType.COUNTER, about="C.", unit="seconds", samples=(Sample(1.5),)),
        Metric(name="ez_i", type=MetricType.INFO, about="I.", samples=(Sample(1, {"version": "1"}),)),
        Metric(name="ez_none", type=MetricType.GAUGE, about="N.", samples=()),
    ])  # fmt: skip
    assert told.decode().splitlines() == [
        "# TYPE ez_c_seconds counter",
        "# UNIT ez_c_seconds seconds",
        "# HELP ez_c_seconds C.",
        "ez_c_seconds_total 1.5",
        "# TYPE ez_i info",
        "# HELP ez_i I.",
        'ez_i_info{version="1"} 1',
        "# EOF",
    ]
