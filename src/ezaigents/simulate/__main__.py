"""`python -m ezaigents.simulate`: the model server as a process of its own. `ez sim` is the same for people."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ezaigents.errors import EzError
from ezaigents.simulate.foreground import serve
from ezaigents.simulate.rules import team_rules
from ezaigents.simulate.simulated import SimulatedModels


def main(arguments: list[str]) -> int:
    """Serve; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        rules = [*given.rules, *([] if given.bare else [team_rules()])]
        models = SimulatedModels(rules, faults=given.fault, log=given.log, port=given.port, seed=given.seed)
        serve(models, lambda url: _report(url, given.report), life=given.life)
    except EzError as error:
        sys.stderr.write(f"ez: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ezaigents.simulate", description="Simulated models, on loopback.")
    parser.add_argument(
        "--port", type=int, default=0, choices=range(65536), metavar="PORT", help="0 = any that is free"
    )
    parser.add_argument(
        "--rules", type=Path, action="append", default=[], metavar="FILE", help="a rule file; repeatable"
    )
    parser.add_argument("--bare", action="store_true", help="without the rules for the sample repository")
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help="such as 429,first=2; repeatable")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append a line per call")
    parser.add_argument("--seed", type=int, default=0, help="what chance begins with")
    parser.add_argument("--life", type=int, default=-1, metavar="FD", help="end when this descriptor ends")
    parser.add_argument("--report", type=int, default=-1, metavar="FD", help="write the URL there, as a JSON line")
    return parser


def _report(url: str, descriptor: int) -> None:
    line = f'{{"url": "{url}"}}\n'
    if descriptor < 0:
        sys.stdout.write(line)
        sys.stdout.flush()
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
