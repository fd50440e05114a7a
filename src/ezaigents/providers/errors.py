"""What can go wrong with a call to a model, branched by what helps.

RetryLater
└── CallFailed       one try failed; `kind` says how, and policy.py what follows from it
GiveUp
└── NoRoute          no route of the chain can answer, and waiting would not help; says why of each
RetryLater
└── RoutesBusy       none can answer now; `delay_s` says when one may
"""

from __future__ import annotations

from enum import StrEnum

from ezaigents.errors import GiveUp, RetryLater
from ezaigents.records import Usage


class FailureKind(StrEnum):
    """How one try failed.

    `rate_limited`: 429, this key is to wait. `spend_limit`: the account's own limit, 402 or a 429 that says so: the
    provider is stopped. `overloaded`: 529, 503. `server`: another 5xx. `timeout`: a deadline of ours passed.
    `unreachable`: no connection. `broken`: the answer broke off, or is not what the dialect knows. `bad_key`: 401, 403.
    `unknown_model`: the provider has no such model. `too_long`: more input than the model takes. `rejected`: another
    4xx: this request will never do.
    """

    RATE_LIMITED = "rate_limited"
    SPEND_LIMIT = "spend_limit"
    OVERLOADED = "overloaded"
    SERVER = "server"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    BAD_KEY = "bad_key"
    UNKNOWN_MODEL = "unknown_model"
    TOO_LONG = "too_long"
    REJECTED = "rejected"


_FOR_GOOD = frozenset({FailureKind.UNKNOWN_MODEL, FailureKind.TOO_LONG, FailureKind.REJECTED})


class CallFailed(RetryLater):
    """One try failed. `status`: of HTTP, 0 = there was none. `retry_after_s`: what was asked for, None = nothing.

    `until_ms`: when a spending limit ends, 0 = not said. `may_be_billed`: the model may have worked, so the outcome is
    unknown. `usage`: what was said of it before it broke off. The message holds no key and no more than 500 characters
    of what the provider said.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int = 0,
        retry_after_s: float | None = None,
        until_ms: int = 0,
        may_be_billed: bool = False,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        self.until_ms = until_ms
        self.may_be_billed = may_be_billed
        self.usage = usage

    @property
    def is_for_good(self) -> bool:
        """Whether the same request fails again, whenever it is made."""
        return self.kind in _FOR_GOOD


class NoRoute(GiveUp):
    """No route of the chain can answer, and waiting would not help."""


class RoutesBusy(RetryLater):
    """No route of the chain can answer now. `delay_s`: when one may be tried again."""

    def __init__(self, message: str, delay_s: float) -> None:
        super().__init__(message)
        self.delay_s = delay_s
