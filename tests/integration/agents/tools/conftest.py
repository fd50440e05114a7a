"""The fixtures are those of the runtime's tests."""

from tests.integration.runtime.fixtures import settings, start_host

__all__ = ["settings", "start_host"]
