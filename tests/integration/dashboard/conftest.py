"""The fixtures are in tests/integration/runtime/fixtures.py."""

from tests.integration.runtime.fixtures import settings, start_host

__all__ = ["settings", "start_host"]
