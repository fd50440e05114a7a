"""The fixtures are in tests/integration/runtime/fixtures.py."""

from tests.integration.runtime.fixtures import settings

__all__ = ["settings"]
