"""What holds for all tests."""

from __future__ import annotations

import os
import signal

import pytest

from tests.switched import VARIABLE


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the tests are run with the plain alternatives."""
    parser.addoption("--off", default="", metavar="NAMES", help="go without these optimisations (`all`, or a,b,c)")


def pytest_configure(config: pytest.Config) -> None:
    """Tell the processes among which the tests are divided; hear Ctrl-C wherever they were started."""
    if config.option.off:
        os.environ[VARIABLE] = config.option.off
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background of a script: what we start would never hear of a Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long forms run only when they are asked for, with `-m nightly`."""
    if "nightly" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("nightly"):
                item.add_marker(pytest.mark.skip(reason="runs with -m nightly"))
