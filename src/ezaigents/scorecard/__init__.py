"""Before against after, measured on this machine: fleets without the optimisations beside fleets with them.

Job: measure, judge, keep. Not its job: the switches (optimize), showing it (cli, dashboard).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.scorecard.card import Kept, keep_of
    from ezaigents.scorecard.charts import drawings_of
    from ezaigents.scorecard.checks import all_pass
    from ezaigents.scorecard.costs import read_prices
    from ezaigents.scorecard.course import AGENTS, Now, measure_all
    from ezaigents.scorecard.disk import bytes_beneath, disk_folder, filesystem_of, fsync_ms
    from ezaigents.scorecard.figures import percentile, stat_of
    from ezaigents.scorecard.keeping import folder_of, keep, newest, read_kept
    from ezaigents.scorecard.processes import Measured, cpu_s, family, memory_of
    from ezaigents.scorecard.samples import FULL, QUICK, Measuring, Sizes
    from ezaigents.scorecard.shown import Box, Card, PriceTable, Row, Stat, Verdict
    from ezaigents.scorecard.tables import BOXES_TITLE, Table, notes_of, tables_of
    from ezaigents.scorecard.traffic import Traffic, Window, info, quiet_window
    from ezaigents.scorecard.wording import heading, machine_line, notices

__all__ = [
    "AGENTS", "BOXES_TITLE", "FULL", "QUICK", "Box", "Card", "Kept", "Measured", "Measuring", "Now", "PriceTable",
    "Row", "Sizes", "Stat", "Table", "Traffic", "Verdict", "Window", "all_pass", "bytes_beneath", "cpu_s",
    "disk_folder", "drawings_of", "family", "filesystem_of", "folder_of", "fsync_ms", "heading", "info", "keep",
    "keep_of", "machine_line", "measure_all", "memory_of", "newest", "notes_of", "notices", "percentile",
    "quiet_window", "read_kept", "read_prices", "stat_of", "tables_of",
]  # fmt: skip

_FILES = {
    "card": ("Kept", "keep_of"),
    "charts": ("drawings_of",),
    "checks": ("all_pass",),
    "costs": ("read_prices",),
    "course": ("AGENTS", "Now", "measure_all"),
    "disk": ("bytes_beneath", "disk_folder", "filesystem_of", "fsync_ms"),
    "figures": ("percentile", "stat_of"),
    "keeping": ("folder_of", "keep", "newest", "read_kept"),
    "processes": ("Measured", "cpu_s", "family", "memory_of"),
    "samples": ("FULL", "QUICK", "Measuring", "Sizes"),
    "shown": ("Box", "Card", "PriceTable", "Row", "Stat", "Verdict"),
    "tables": ("BOXES_TITLE", "Table", "notes_of", "tables_of"),
    "traffic": ("Traffic", "Window", "info", "quiet_window"),
    "wording": ("heading", "machine_line", "notices"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
