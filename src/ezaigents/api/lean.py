"""A server without what it imports for others. Job: let modules wait until somebody asks them for something.

Importing any module of uvicorn runs the package's `__init__`, which loads its command line, its reloader and its
process manager, with click and multiprocessing. uvicorn and Starlette also import modules of the standard library of
which a visit uses nothing. Together that is as much memory as the server. A module that waits is loaded, whole, at the
first attribute that is asked for, as if it had been so from the start. A test says what a visit must not load, so that
a version that moves things is noticed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping

_UNUSED = ("calendar", "html", "http.client", "json", "logging.config", "shutil")
"""For dates in letters, error pages with a traceback, errors without words, bodies as other libraries make them, logs
that a file sets up, and folders of temporary files."""
_SERVER: Mapping[str, str] = {"Config": "uvicorn.config"}


def load_uvicorn() -> None:
    """Put the package `uvicorn` in place, and what waits, before any module of it is imported."""
    for name in _UNUSED:
        let_wait(name)
    let_wait("uvicorn", _SERVER)


def let_wait(name: str, homes: Mapping[str, str] | None = None) -> None:
    """Put a module in place that is loaded when it is asked for an attribute which is neither a submodule nor in
    `homes`: attribute -> the module that has it.

    Raises ModuleNotFoundError. Does nothing where the module is loaded already.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module, loader, alone = importlib.util.module_from_spec(spec), spec.loader, threading.RLock()
    is_loading = False

    def find(attribute: str) -> object:
        nonlocal is_loading
        if homes is not None and attribute in homes:
            return getattr(importlib.import_module(homes[attribute]), attribute)
        with alone:  # whoever comes meanwhile waits until all of it is there
            if is_loading:
                raise AttributeError(f"module {name!r} has no attribute {attribute!r}", name=attribute, obj=module)
            if "__getattr__" in vars(module):
                is_loading = True
                try:
                    loader.exec_module(module)
                    del vars(module)["__getattr__"]
                finally:
                    is_loading = False
        return getattr(module, attribute)

    vars(module)["__getattr__"] = find
    sys.modules[name] = module
    package, _, own = name.rpartition(".")
    if package:
        setattr(importlib.import_module(package), own, module)
