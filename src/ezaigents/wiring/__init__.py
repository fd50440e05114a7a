"""The composition root: Settings to running parts. Imported only by the command line, the API and tests."""

from ezaigents.wiring.fleet import Fleet

__all__ = ["Fleet"]
