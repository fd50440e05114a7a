"""Keys out of words."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.providers import Redactor

_SECRETS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)
_WORDS = st.text(max_size=60)
_CANARY = 'k/9+Zz\\q"canary-value~0123456789'


@given(secret=_SECRETS, before=_WORDS, after=_WORDS)
def test_a_value_never_comes_through(secret: str, before: str, after: str) -> None:
    """Whatever a key is and whatever stands around it, it is not in the text afterwards."""
    redactor = Redactor([secret])
    for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
        assert form not in redactor(before + form + after)


@given(secret=_SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_nor_in_base64_wherever_it_begins(secret: str, before: bytes, after: bytes) -> None:
    """A key in a longer text that was encoded, as in `Basic` headers, cannot be decoded from what is left."""
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    left = Redactor([secret])(encoded)
    assert encoded not in left


@given(text=st.text(st.characters(codec="ascii", categories=["L", "Z"]), max_size=200))
def test_plain_words_are_left_alone(text: str) -> None:
    """Text without keys is not changed."""
    assert Redactor([_CANARY])(text) == text or "bearer" in text.lower() or "basic" in text.lower()


@pytest.mark.parametrize(
    "shape",
    [
        "sk-abcdefghijklmnop1234", "sk-ant-api03-AAAA_bbbb-cccc", "sk-proj-aaaaaaaaaaaaaaaa",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv", "xai-abcdef0123456789", "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0123456789abc", "AKIAIOSFODNN7EXAMPLE", "xoxb-1234567890-abcdef",
        "hf_abcdefghijklmnopqrst", "sk-or-v1-0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop", "sk-abcd**********wxyz",
    ],
)  # fmt: skip
def test_usual_shapes_are_seen_without_being_known(shape: str) -> None:
    """What looks like a key of a known sort is replaced, whoever it belongs to."""
    assert Redactor([])(f"wrong key: {shape}.") == "wrong key: [key]."


@pytest.mark.parametrize("said", ["Bearer abcdef123456", 'api_key: "abcdef123456"', "x-api-key=abcdef123456"])
def test_what_is_called_a_key_is_one(said: str) -> None:
    """After the word that announces a key there is none left."""
    assert "abcdef123456" not in Redactor([])(said)


@pytest.mark.parametrize("words", ["risk-averse people", "task-list", "the sk-8 board", "disk-usage", "Basic usage"])
def test_words_that_only_begin_like_a_key_stay(words: str) -> None:
    """Ordinary words with the letters of a key's beginning are not keys."""
    assert Redactor([])(words) == words


@pytest.mark.parametrize("length", range(8, len(_CANARY)))
@pytest.mark.parametrize("ending", ["", "…", "..."])
def test_one_that_was_cut_off_is_seen(length: int, ending: str) -> None:
    """A message that was made to fit in the middle of a key does not show its beginning."""
    assert Redactor([_CANARY])(f"said {_CANARY[:length]}{ending}") == f"said [key]{ending}"


def test_short_words_are_no_secrets() -> None:
    """What local servers take for a key is a word of the language, and stays readable."""
    assert Redactor(["ollama", ""])("ollama answers") == "ollama answers"


def test_a_redactor_shows_nothing_of_itself() -> None:
    """Its repr holds no secret."""
    assert _CANARY[:8] not in repr(Redactor([_CANARY]))


@given(secret=_SECRETS.filter(lambda text: "\\" not in text), data=st.data())
def test_each_character_may_be_escaped_for_itself(secret: str, data: st.DataObject) -> None:
    """Encoders disagree on what to escape; nothing of the key is left (keys hold no backslash).."""
    ways = (str, lambda char: f"%{ord(char):02X}", lambda char: f"\\u{ord(char):04x}", lambda char: f"&#{ord(char)};")
    text = "".join(data.draw(st.sampled_from(ways))(char) for char in secret)
    assert Redactor([secret])(f"<{text}>") == "<[key]>"
