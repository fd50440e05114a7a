"""The tool `read`: a window of lines, with the hash that a change of the file is to carry.

Job: any file of any size and encoding, in bounded memory. Not its job: who may read what (gate).
"""

from __future__ import annotations

from ezaigents.agents.tools.arguments import Read
from ezaigents.agents.tools.gate import Gate
from ezaigents.agents.tools.lines import LINE_MOST_BYTES, LINES_MOST, Line, LineWindow
from ezaigents.agents.tools.outcome import Outcome
from ezaigents.agents.tools.quoting import bounded, quoted
from ezaigents.codec import printable
from ezaigents.workspace import WINDOW_BYTES, Encoding, FileTooLarge, Overlay, Reading, Sniffer, human_size

SCANNED_MOST_BYTES = 256 * 1024 * 1024
"""Of a file above the limit, how far one call goes to find a line: about a second's work."""


def read(files: Overlay, gate: Gate, name: str, arguments: Read) -> Outcome:
    """Read lines of the file `name`; raises what `Overlay.read` and `Gate.check` raise."""
    window = LineWindow(arguments.offset_line or 1, arguments.lines or LINES_MOST)
    try:
        whole = files.read(name)
    except FileTooLarge as large:
        return _read_large(files, gate, name, arguments, window, large.size_bytes)
    gate.check(whole.path)  # a link may have changed since the name was asked for
    return _read_whole(whole, arguments, window)


def _read_whole(whole: Reading, arguments: Read, window: LineWindow) -> Outcome:
    head = f"path: {printable(whole.path)}  sha256: {whole.sha256}"
    if whole.encoding is Encoding.BINARY:
        return Outcome(text=f"{head}  binary, {human_size(len(whole.data))}; its content is not shown")
    sniffer = Sniffer()
    sniffer.feed(whole.data)
    sniffer.finish()
    data, codec = whole.data, sniffer.codec
    if whole.encoding is Encoding.UTF16:
        data, codec = data.decode(codec, "replace").encode("utf-8", "replace"), "utf-8"
    window.feed(data)
    window.finish()
    return _shown(head + _told(whole.encoding), window, arguments, codec, str(window.total))


def _read_large(files: Overlay, gate: Gate, name: str, arguments: Read, window: LineWindow, size_bytes: int) -> Outcome:
    """Stream as far as the lines that were asked for; the hash of such a file is not known, so it cannot be edited."""
    sniffer = Sniffer()
    offset = 0
    while not window.is_full and offset < SCANNED_MOST_BYTES:
        piece = files.window(name, offset, WINDOW_BYTES)
        gate.check(piece.path)
        data = piece.data
        if not data:
            window.finish()
            break
        sniffer.feed(data)
        window.feed(data)
        offset += len(data)
    head = f"path: {printable(name)}  {human_size(size_bytes)}, too large to be edited"
    if sniffer.encoding in {Encoding.BINARY, Encoding.UTF16}:
        return Outcome(text=f"{head}  {sniffer.encoding}; its content is not shown")
    if not window.kept and offset >= SCANNED_MOST_BYTES:
        return Outcome(text=f"{head}; line {arguments.offset_line} lies beyond what one call reads", failed=True)
    return _shown(head + _told(sniffer.encoding), window, arguments, sniffer.codec, "more")


def _told(encoding: Encoding) -> str:
    return "" if encoding is Encoding.UTF8 else f"  encoding: {encoding}"


def _shown(head: str, window: LineWindow, arguments: Read, codec: str, total: str) -> Outcome:
    first = arguments.offset_line or 1
    if not window.kept:
        there = "the file is empty" if total == "0" else f"there is no line {first}"
        return Outcome(text=f"{head}  lines none of {total}: {there}")
    last = first + len(window.kept) - 1
    end = "  no newline at the end" if window.is_open and str(last) == total else ""
    body = "\n".join(_text_of(line, codec) for line in window.kept)
    return Outcome(text=f"{head}  lines {first}-{last} of {total}{end}\n{quoted(bounded(body))}")


def _text_of(line: Line, codec: str) -> str:
    if line.size_bytes <= LINE_MOST_BYTES:
        return line.data.decode(codec, "backslashreplace")
    cut = line.data.decode(codec, "ignore" if codec == "utf-8" else "backslashreplace")
    return f"{cut} [cut: this line has {line.size_bytes:,} bytes]"
