"""What a provider's refusal means.

Job: status, headers and body to a CallFailed, one table for all dialects, for gateways mix them. Not its job: what
follows from it (policy). Providers' codes come first; the wording of a message counts only where there is no code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ezaigents.providers.dialects.complaint import Complaint, complaint, complaint_of
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.records import Usage

_SPENT = {
    "insufficient_quota",
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
}
_NO_MODEL = {"model_not_found", "model_not_available", "invalid_model", "unknown_model", "model_not_supported"}
_LONG = {"context_length_exceeded", "request_too_large", "exceed_context_size_error", "string_above_max_length"}
_NO_KEY = {"invalid_api_key", "API_KEY_INVALID", "authentication_error"}
_MONTHLY = "enforced_spend_limit_reached"

_SAYS = (
    (
        FailureKind.SPEND_LIMIT,
        r"regain access on|your specified .*usage limit|credit balance is too low|insufficient (balance|credit)",
    ),
    (FailureKind.BAD_KEY, r"api.?key (is )?(not valid|invalid|expired|missing)|(incorrect|invalid) api.?key"),
    (
        FailureKind.UNKNOWN_MODEL,
        r"model[ :`'\"].*(not exist|not found|not supported)|model not exist|not a valid model|(invalid|unknown) model",
    ),
    (
        FailureKind.TOO_LONG,
        r"(prompt|input|request) (is )?too (long|large)|context.(length|window|size)|the maximum number of tokens",
    ),
)
_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)  # else it is the address that is wrong
_SAID = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _SAYS)

_STATUS_OF = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "RESOURCE_EXHAUSTED": 429,
    "timeout_error": 504,
    "UNAVAILABLE": 503,
    "overloaded_error": 529,
    "overloaded": 529,
    "server_is_overloaded": 529,
    "slow_down": 529,
}
"""What the errors of a stream, which has its 200 already, would have been before it."""

_GATEWAYS = {408, 502, 504, 520, 522, 524}
"""A gateway gave up or broke off: the model behind it may have worked."""
_REGAIN = re.compile(r"regain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_YEARS = (2000, 2200)  # others are nonsense, and overflow
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def failure(status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
    """What an answer with another status than 200 means."""
    said = complaint(body)
    lower = {name.lower(): value for name, value in headers.items()}
    kind = _kind(status, said)
    return CallFailed(
        kind,
        _message(f"the provider answered {status}", said),
        status=status,
        retry_after_s=_retry_after_s(lower, said),
        until_ms=_until_ms(lower, said) if kind is FailureKind.SPEND_LIMIT else 0,
        may_be_billed=status in _GATEWAYS,
    )


def failure_within(error: object, *, started: bool, usage: Usage | None) -> CallFailed:
    """What an error means that came in an answer of status 200. `started`: the model had begun to answer."""
    said = complaint_of(error)
    status = next((_STATUS_OF[word] for word in said.words if word in _STATUS_OF), 0)
    numbers = (int(word) for word in said.words if re.fullmatch(r"[45]\d\d", word))
    return CallFailed(
        _kind(status or next(numbers, 500), said),
        _message("the provider broke off with an error", said),
        status=200,
        retry_after_s=_duration_s(said.retry_after),
        may_be_billed=started,
        usage=usage,
    )


def _message(what: str, said: Complaint) -> str:
    word = next((word for word in said.words if not word.isdigit()), "")
    return f"{what}{f' ({word})' if word else ''}: {said.message or 'it did not say why'}"


def _kind(status: int, said: Complaint) -> FailureKind:
    coded = _coded(status, set(said.words))
    if coded is None and status in {400, 403, 404, 413, 422, 429, 500}:
        coded = next((kind for kind, pattern in _SAID if _may_say(kind, status) and pattern.search(said.message)), None)
    if status == 404 and coded is None and _MODEL.search(said.message):
        return FailureKind.UNKNOWN_MODEL
    return coded or _plain(status)


def _coded(status: int, words: set[str]) -> FailureKind | None:
    if status == 402 or words & _SPENT or any(word.endswith("spend_limit_reached") for word in words):
        return FailureKind.SPEND_LIMIT
    if words & _NO_MODEL:
        return FailureKind.UNKNOWN_MODEL
    if words & _LONG:
        return FailureKind.TOO_LONG
    if words & _NO_KEY:
        return FailureKind.BAD_KEY
    return None


def _may_say(kind: FailureKind, status: int) -> bool:
    """Whether such words may turn this status into that kind: a busy provider also talks of models and contexts."""
    if status == 429:
        return kind is FailureKind.TOO_LONG or kind is FailureKind.SPEND_LIMIT
    return status != 500 or kind is FailureKind.TOO_LONG


def _plain(status: int) -> FailureKind:
    match status:
        case 401 | 403:
            return FailureKind.BAD_KEY
        case 408:
            return FailureKind.TIMEOUT
        case 413:
            return FailureKind.TOO_LONG
        case 429:
            return FailureKind.RATE_LIMITED
        case 503 | 529:
            return FailureKind.OVERLOADED
    return FailureKind.SERVER if status >= 500 else FailureKind.REJECTED


def _retry_after_s(headers: Mapping[str, str], said: Complaint) -> float | None:
    millis = _number(headers.get("retry-after-ms", ""))
    if millis is not None:
        return millis / 1000
    after = headers.get("retry-after", "").strip()
    seconds = _number(after)
    if seconds is not None:
        return seconds
    then, now = _date(after), _date(headers.get("date", ""))
    if then and now:
        return max((then - now).total_seconds(), 0.0)
    return _duration_s(said.retry_after)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None


def _duration_s(text: str) -> float | None:
    found = _DURATION.fullmatch(text.strip()[:20])
    return float(found[1]) * _UNITS[found[2] or "s"] if found else None


def _date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # with sockets and character sets behind it

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not _YEARS[0] <= date.year < _YEARS[1]:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _until_ms(headers: Mapping[str, str], said: Complaint) -> int:
    """When the limit ends: the first of the next month for the monthly one, else what the message says, else 0."""
    if found := _REGAIN.search(said.message):
        try:
            return _ms(datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC))
        except ValueError:
            return 0
    now = _date(headers.get("date", ""))
    if _MONTHLY not in said.words or now is None:
        return 0
    return _ms(_next_month(now))


def _next_month(now: datetime) -> datetime:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
