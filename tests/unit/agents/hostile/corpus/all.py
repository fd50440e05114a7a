"""The whole corpus, each entry once."""

from __future__ import annotations

from itertools import chain

from tests.unit.agents.hostile.corpus.broken import broken
from tests.unit.agents.hostile.corpus.entries import Hostile
from tests.unit.agents.hostile.corpus.injected import injected
from tests.unit.agents.hostile.corpus.paths import paths
from tests.unit.agents.hostile.corpus.protected import protected
from tests.unit.agents.hostile.corpus.shell import patterns, shell, words

CORPUS: tuple[Hostile, ...] = tuple(
    dict.fromkeys(chain(paths(), protected(), shell(), patterns(), words(), broken(), injected()))
)
