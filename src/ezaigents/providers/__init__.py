"""Calls to models: the only room that speaks to them, and the only one that holds keys.

Job: who answers, with which key, what follows from a failure, what one call used. Not its job: what is asked (agents),
what it costs and who may spend it (budget).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.providers.caller import Caller
    from ezaigents.providers.catalogue import Catalogue, Model, Provider, Route, load_catalogue
    from ezaigents.providers.client import Client, Deadlines
    from ezaigents.providers.errors import CallFailed, FailureKind, NoRoute, RoutesBusy
    from ezaigents.providers.floor import floor_usage
    from ezaigents.providers.keyfiles import forget_keys, write_keys
    from ezaigents.providers.keys import Key, KeyPool, KeyRow, Secret
    from ezaigents.providers.making import KEYS_FOLDER, make_caller, make_keys, real_catalogue
    from ezaigents.providers.meter import Meter, Reservation, Try
    from ezaigents.providers.redacting import Redactor
    from ezaigents.providers.standing import ProviderState
    from ezaigents.providers.transcript import (
        Part,
        Reply,
        Request,
        Role,
        Stop,
        Text,
        Thinking,
        ToolCall,
        ToolResult,
        ToolSpec,
        ToolUse,
        Turn,
    )

__all__ = [
    "KEYS_FOLDER",
    "CallFailed",
    "Caller",
    "Catalogue",
    "Client",
    "Deadlines",
    "FailureKind",
    "Key",
    "KeyPool",
    "KeyRow",
    "Meter",
    "Model",
    "NoRoute",
    "Part",
    "Provider",
    "ProviderState",
    "Redactor",
    "Reply",
    "Request",
    "Reservation",
    "Role",
    "Route",
    "RoutesBusy",
    "Secret",
    "Stop",
    "Text",
    "Thinking",
    "ToolCall",
    "ToolResult",
    "ToolSpec",
    "ToolUse",
    "Try",
    "Turn",
    "floor_usage",
    "forget_keys",
    "load_catalogue",
    "make_caller",
    "make_keys",
    "real_catalogue",
    "write_keys",
]

_FILES = {
    "caller": ("Caller",),
    "catalogue": ("Catalogue", "Model", "Provider", "Route", "load_catalogue"),
    "client": ("Client", "Deadlines"),
    "errors": ("CallFailed", "FailureKind", "NoRoute", "RoutesBusy"),
    "floor": ("floor_usage",),
    "keyfiles": ("forget_keys", "write_keys"),
    "keys": ("Key", "KeyPool", "KeyRow", "Secret"),
    "making": ("KEYS_FOLDER", "make_caller", "make_keys", "real_catalogue"),
    "meter": ("Meter", "Reservation", "Try"),
    "redacting": ("Redactor",),
    "standing": ("ProviderState",),
    "transcript": (
        "Part",
        "Reply",
        "Request",
        "Role",
        "Stop",
        "Text",
        "Thinking",
        "ToolCall",
        "ToolResult",
        "ToolSpec",
        "ToolUse",
        "Turn",
    ),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
