"""A place of its own for each test."""

from tests.integration.cli.conftest import _orphans_are_collected, place

__all__ = ["_orphans_are_collected", "place"]
