"""Settings are documented, whole."""

from __future__ import annotations

import msgspec
from tests.unit.docs.documents import ROOT

from ezaigents.settings import Settings

_PAGE = ROOT / "docs" / "settings.md"


def test_every_setting_is_documented() -> None:
    """Each field of Settings is named in docs/settings.md, as it is written in ezaigents.toml."""
    text = _PAGE.read_text("utf-8")
    assert not [field.name for field in msgspec.structs.fields(Settings) if f"`{field.name}`" not in text]
