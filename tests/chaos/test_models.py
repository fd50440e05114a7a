"""The kill harness with agents that have models: no finished call is made again, no edit is doubled or lost."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.models import run_models


def test_no_finished_call_is_repeated_and_no_edit_doubled_under_kills(tmp_path: Path) -> None:
    """30 hosts killed, 12 frozen past their lease, 2 engines killed: each answer and each change counts once."""
    verdict = run_models(tmp_path, seed=20_27, tasks=160, kills=30, stops=12, engines=2, gap_s=0.25)
    assert verdict.clean, verdict
    assert verdict.kills >= 30
    assert verdict.attempts > verdict.tasks, "no attempt was ever gone on with: the run proves nothing"
    assert verdict.answered >= 6 * verdict.done


def test_the_harness_notices_a_product_that_forgets(tmp_path: Path) -> None:
    """Without its journal the same product is found out: calls are made again for steps that were answered."""
    verdict = run_models(tmp_path, seed=20_28, tasks=60, kills=12, stops=0, engines=0, gap_s=0.3, forgetful=True)
    assert verdict.repeated
