"""What bytes are taken for, and that decoding loses none."""

from __future__ import annotations

import codecs

import pytest

from ezaigents.workspace import Encoding, Sniffer, sniff

TEXT = "Grüße, 世界\r\nno final newline"
SAMPLES = [
    (b"", Encoding.UTF8),
    (b"plain\n", Encoding.UTF8),
    (TEXT.encode(), Encoding.UTF8),
    (codecs.BOM_UTF8 + TEXT.encode(), Encoding.UTF8),
    (TEXT.encode("utf-16"), Encoding.UTF16),
    ("plain ascii in sixteen bits".encode("utf-16-le"), Encoding.UTF16),
    ("plain ascii in sixteen bits".encode("utf-16-be"), Encoding.UTF16),
    ("Grüße an alle\n".encode("latin-1"), Encoding.LATIN1),
    (b"caf\xe9 \x93quoted\x94\n", Encoding.UNDECODABLE),
    ("lone \udc80 surrogate".encode("utf-8", "surrogatepass"), Encoding.UNDECODABLE),
    (codecs.BOM_UTF16_LE + b"o\0d\0d", Encoding.UNDECODABLE),
    (b"\x7fELF\x02\x01\x01\0\0\0", Encoding.BINARY),
    (b"text, then\0a zero", Encoding.BINARY),
    (bytes(range(1, 32)) * 4, Encoding.BINARY),
    ("wide".encode("utf-32"), Encoding.BINARY),
]


@pytest.mark.parametrize(("data", "expected"), SAMPLES)
def test_each_sample_is_recognised(data: bytes, expected: Encoding) -> None:
    """Each kind of content is called by its name."""
    assert sniff(data) is expected


@pytest.mark.parametrize(("data", "expected"), [s for s in SAMPLES if s[1] is not Encoding.BINARY])
@pytest.mark.parametrize("window_bytes", [8, 11, 64])
def test_windows_do_not_matter(data: bytes, expected: Encoding, window_bytes: int) -> None:
    """A character cut by a window's edge does not change the answer."""
    sniffer = Sniffer()
    for start in range(0, len(data), window_bytes):
        sniffer.feed(data[start : start + window_bytes])
    assert sniffer.finish() is expected


@pytest.mark.parametrize(("data", "expected"), SAMPLES)
def test_bytes_are_preserved(data: bytes, expected: Encoding) -> None:
    """Text decoded with the codec named and surrogateescape encodes to the same bytes."""
    sniffer = Sniffer()
    sniffer.feed(data)
    sniffer.finish()
    if expected in {Encoding.UTF8, Encoding.LATIN1} or (expected is Encoding.UNDECODABLE and sniffer.codec == "utf-8"):
        text = data.decode(sniffer.codec, "surrogateescape")
        assert text.encode(sniffer.codec, "surrogateescape") == data


def test_zero_late_in_the_file_means_binary() -> None:
    """A zero byte after windows of text makes the file binary."""
    sniffer = Sniffer()
    sniffer.feed(b"text " * 100)
    sniffer.feed(b"more\0")
    assert sniffer.finish() is Encoding.BINARY
