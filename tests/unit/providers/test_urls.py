"""Which addresses a key may go to."""

from __future__ import annotations

import pytest

from ezaigents.errors import ConfigError
from ezaigents.providers.urls import checked_url, url_of_host


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        (" https://api.example.com:8443 ", "https://api.example.com:8443"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://localhost:1234", "http://localhost:1234"),
        ("http://192.168.1.5/v1", "http://192.168.1.5/v1"),
        ("http://10.0.0.7", "http://10.0.0.7"),
        ("http://ollama:11434/v1", "http://ollama:11434/v1"),
        ("http://box.local", "http://box.local"),
        ("http://host.docker.internal:11434", "http://host.docker.internal:11434"),
    ],
)
def test_taken(url: str, taken: str) -> None:
    """https anywhere; http within the machine and the user's own network."""
    assert checked_url(url, "x") == taken


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.com", "ftp://example.com", "file:///etc/passwd", "javascript:1", "http://api.example.com",
        "http://8.8.8.8", "https://me:hush@example.com", "https://me@example.com", "https://example.com/v1?x=1",
        "https://example.com/#a", "https://exa mple.com", "https://example.com/\r\nx: y", "https://[::1", "https://",
        "http://169.254.169.254/latest", "https://169.254.169.254", "http://[fe80::1]", "https://example.com:99999",
        "http://localhost.evil.example", "http://127.0.0.1.evil.example", "https://exämple.com",
    ],
)  # fmt: skip
def test_refused(url: str) -> None:
    """Anything else is refused, saying where it was set; what it held is not repeated."""
    with pytest.raises(ConfigError) as caught:
        checked_url(url, "environment OPENAI_BASE_URL")
    assert str(caught.value).startswith("environment OPENAI_BASE_URL: ")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.168.1.5", "http://192.168.1.5:11434/v1"),
        ("box:9", "http://box:9/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:7", "http://127.0.0.1:7/v1"),
        ("http://box", "http://box:11434/v1"),
        ("https://box.example", "https://box.example/v1"),
        ("https://box.example/prefix/", "https://box.example/prefix"),
        ("[::]:7", "http://[::1]:7/v1"),
    ],
)
def test_a_host_variable(host: str, url: str) -> None:
    """OLLAMA_HOST is taken as Ollama takes it: a host, a port, an address, or the server's own every address."""
    assert url_of_host(host, "http://127.0.0.1:11434/v1") == url
