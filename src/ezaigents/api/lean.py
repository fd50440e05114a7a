"""uvicorn without its command line. Job: let a library's modules be loaded while its `__init__` waits.

uvicorn's `__init__` loads its command line, its reloader and its process manager, with click and multiprocessing: as
much memory as its server. Whoever asks the package for anything but what the server needs gets all of it, as if it had
been so from the start. A test says what a visit must not load, so that a version that moves things is noticed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping

_SERVER: Mapping[str, str] = {"Config": "uvicorn.config"}


def load_uvicorn() -> None:
    """Put the package `uvicorn` in place, before any module of it is imported."""
    load_without_init("uvicorn", _SERVER)


def load_without_init(name: str, homes: Mapping[str, str]) -> None:
    """Put a package in place whose `__init__` runs when it is asked for an attribute that is neither a submodule nor
    in `homes`: attribute -> the module that has it.

    Raises ModuleNotFoundError. Does nothing where the package is loaded already.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def find(attribute: str) -> object:
        if attribute in homes:
            return getattr(importlib.import_module(homes[attribute]), attribute)
        vars(package).pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, attribute)

    vars(package)["__getattr__"] = find
    sys.modules[name] = package
