"""Possible secrets: found, named, never repeated.

The values here are made up, and split so that no scanner finds them.
"""

from __future__ import annotations

import pytest

from ezaigents.agents.local.leaks import find_leaks, hide_leaks

RANDOM = "q7RtY2pLx9WvB4nKz8MfJ3hD6sGcA1eUoTiX"
SAMPLES = [
    ("AWS access key", "AKIA" + "J4T7QX2MZ5RB8WKD"),
    ("GitHub token", "ghp_" + RANDOM),
    ("GitHub token", "github_" + "pat_" + RANDOM),
    ("GitLab token", "glpat-" + RANDOM[:20]),
    ("Slack token", "xoxb-" + "123456789012-" + RANDOM[:16]),
    ("Slack webhook", "hooks.slack." + "com/services/T12345678/B12345678/" + RANDOM[:24]),
    ("Google API key", "AIza" + RANDOM[:35]),
    ("Stripe key", "sk_" + "live_" + RANDOM[:24]),
    ("Anthropic key", "sk-" + "ant-api03-" + RANDOM),
    ("OpenAI key", "sk-" + "proj-" + RANDOM),
    ("npm token", "npm_" + RANDOM),
    ("PyPI token", "pypi-" + "AgEIcHlwaS5vcmc" + RANDOM + RANDOM),
    ("hard-coded secret", "Xk9#mQ2$vL7!pR4w".replace("$", "&")),
]


@pytest.mark.parametrize(("kind", "value"), SAMPLES)
def test_each_kind_is_found_and_not_shown(kind: str, value: str) -> None:
    """A secret is named by its kind; of its value at most the public prefix is shown."""
    line = f'    db_password = "{value}"  # TODO'
    found = list(find_leaks(line))
    assert [name for name, _ in found] == [kind]
    message = found[0][1]
    assert all(value[start : start + 6] not in message for start in range(8, len(value) - 6))
    assert value not in hide_leaks(line)
    assert "[hidden]" in hide_leaks(line)


def test_private_key_header_is_found() -> None:
    """The first line of a private key is enough."""
    for kind in ("RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"):
        assert [name for name, _ in find_leaks("-----BEGIN " + kind + "-----")] == ["private key"]
    assert list(find_leaks("-----BEGIN " + "PUBLIC KEY-----")) == []


@pytest.mark.parametrize(
    "line",
    [
        'password = "changeme-please-1"',
        'password = "your_password_123"',
        'api_key = "${API_KEY_2}"',
        'token = "<token-1-here>"',
        'secret = "correcthorsebattery"',
        'password = "aaaaaaaa1111"',
        'password = get_password("x1y2z3w4")',
        "password: str",
        'token_type = "bearer"',
        'x = "Xk9#mQ2vL7!pR4w8"',
        "sk-learn is a library with-a-name-like-this",
    ],
)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    """Placeholders, words, calls and random text under harmless names are not reported."""
    assert list(find_leaks(line)) == []


def test_a_long_line_takes_no_time() -> None:
    """A hostile line of the greatest length is looked at in linear time."""
    for piece in ("password", "secret_", "a" * 40, "key='", "sk-", "token" + " " * 8):
        line = (piece * 16_384)[:16_384]
        list(find_leaks(line))
