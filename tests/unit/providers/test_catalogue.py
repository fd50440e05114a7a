"""The catalogue: what ships, what users put over it, and what a workspace may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ezaigents.errors import ConfigError, InputError
from ezaigents.providers import Catalogue, Route, load_catalogue
from ezaigents.settings import Settings, load_settings
from ezaigents.trust import Trust

_SHIPPED = (
    "anthropic", "openai", "deepseek", "mistral", "gemini", "openrouter", "kimi", "xai", "ollama", "lmstudio", "vllm",
)  # fmt: skip


class Place:
    """A workspace with a settings file, and the user's own folder outside it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "work" / "ezaigents.toml"
        self.own = folder / "own"
        self.file.parent.mkdir()

    def settings(self, text: str = "", **environ: str) -> Settings:
        """Write the file, and read the settings as a command would."""
        self.file.write_text(text, "utf-8")
        return self.read(**environ)

    def read(self, **environ: str) -> Settings:
        """The settings as a command would read them."""
        where = {"HOME": str(self.own), "EZ_WORKSPACE": str(self.file.parent), "EZ_CONFIG_HOME": str(self.own)}
        return load_settings(environ=where | environ)

    def load(self, text: str = "", trusted: bool = True, **environ: str) -> Catalogue:
        """The catalogue with this file, which the user trusts or not."""
        settings = self.settings(text)
        if trusted:
            Trust(self.own).add(self.file, self.file.read_bytes())
        return load_catalogue(settings, environ)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _refusal(place: Place, text: str, **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        place.load(text, **options)
    return str(caught.value)


def test_what_ships(place: Place) -> None:
    """Every provider there is to be is there; keys go over https, but to this machine; dates and facts can be read."""
    providers = place.load().providers
    assert tuple(providers) == _SHIPPED
    for provider in providers.values():
        assert provider.base_url.startswith("http://127.0.0.1" if provider.local else "https://")
        assert provider.local or provider.key_variables
        for model in provider.models.values():
            assert model.listed
            assert model.max_output < model.window
    assert providers["gemini"].key_variables == ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    assert {name: providers[name].dialect for name in ("anthropic", "openai", "gemini", "ollama")} == {
        "anthropic": "anthropic", "openai": "responses", "gemini": "chat", "ollama": "chat",
    }  # fmt: skip


def test_a_model_that_is_not_listed_is_assumed(place: Place) -> None:
    """An unknown model of a known provider can be used, with its provider's window and quirks."""
    catalogue = place.load()
    model = catalogue.model(Route("mistral", "mistral-next"))
    assert not model.listed
    assert (model.name, model.window) == ("mistral-next", 128_000)
    assert model.quirks.short_call_ids
    assert catalogue.model(Route("anthropic", "claude-sonnet-5-5")).window == 1_000_000


def test_an_unknown_provider_is_told_with_the_nearest(place: Place) -> None:
    """A slip of the finger names what was meant."""
    with pytest.raises(InputError, match="did you mean 'anthropic'"):
        place.load().provider("antropic")


@pytest.mark.parametrize("text", ["", "claude", "anthropic:", ":m", "a b:c", "a:b c", "a:b\n", "\x1b:m"])
def test_a_route_is_two_names(text: str) -> None:
    """What is no PROVIDER:MODEL is refused; a model's own name may hold colons and slashes."""
    with pytest.raises(InputError):
        Route.parse(text)
    for whole in ("ollama:qwen3:8b", "openrouter:anthropic/claude-sonnet-5.5"):
        assert str(Route.parse(whole)) == whole


def test_addresses_from_the_environment(place: Place) -> None:
    """The variable of a provider's own library moves it, and is checked; OLLAMA_HOST means what Ollama means by it."""
    catalogue = place.load(OPENAI_BASE_URL="https://gateway.example/v1/", OLLAMA_HOST="box:9")
    assert catalogue.provider("openai").base_url == "https://gateway.example/v1"
    assert catalogue.provider("ollama").base_url == "http://box:9/v1"
    with pytest.raises(ConfigError, match="environment ANTHROPIC_BASE_URL: takes https://"):
        place.load(ANTHROPIC_BASE_URL="http://gateway.example")
    with pytest.raises(ConfigError, match="environment OLLAMA_HOST"):
        place.load(OLLAMA_HOST="box:port")


def test_the_users_own_tables(place: Place) -> None:
    """A table changes what it names and leaves the rest; a new provider needs only where and how."""
    catalogue = place.load(
        '[providers.openai.models."gpt-6-sol"]\nwindow = 1000\n'
        "[providers.openai.quirks]\nstream_usage = false\n"
        '[providers.mine]\ndialect = "chat"\nbase_url = "https://llm.example/v1"\nkey_variables = ["MINE_KEY"]\n'
    )
    sol = catalogue.model(Route("openai", "gpt-6-sol"))
    assert (sol.window, sol.max_output, sol.quirks.stream_usage, sol.quirks.effort) == (1000, 128_000, False, "effort")
    assert catalogue.provider("openai").base_url == "https://api.openai.com/v1"
    mine = catalogue.provider("mine")
    assert (mine.base_url, mine.key_variables, mine.local) == ("https://llm.example/v1", ("MINE_KEY",), False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[providers.openai]\nbase_ulr = 'x'", r"ezaigents.toml, \[providers.openai\], key 'base_ulr'.*'base_url'"),
        ("[providers.openai.models.m]\nwindwo = 1", r"models.m, key 'windwo'.*did you mean 'window'"),
        ("[providers.openai.quirks]\nefort = 1", r"quirks, key 'efort'.*did you mean 'effort'"),
        ("[providers.openai]\nwindow = 'big'", r"\[providers.openai\]: .*int"),
        ("[providers.openai]\nwindow = 0", "window: takes a number of tokens"),
        ("[providers.openai.models.m]\nmax_output = -5", "models.m, max_output: takes a number of tokens"),
        ("[providers.openai]\nmodels = 1", r"\[providers.openai\]: "),
        ("[providers.openai]\ndialect = 'soap'", "dialect: takes one of anthropic, responses, chat"),
        ("[providers.openai]\nbase_url = 'http://evil.example'", "base_url: takes https://"),
        ("[providers.openai]\nbase_url = 'https://u:hush@evil.example'", "user name or a password"),
        ("[providers.mine]\nwindow = 1000", "a provider of your own needs 'dialect'"),
        ('[providers."../x"]\ndialect = "chat"\nbase_url = "https://a.example"', "name takes letters"),
    ],
)
def test_a_wrong_table_is_told_with_its_place(place: Place, text: str, words: str) -> None:
    """File, table, key and the nearest known one; no secret of an address."""
    refusal = _refusal(place, text)
    assert re.search(words, refusal)
    assert "hush" not in refusal


@pytest.mark.parametrize(
    "table",
    [
        "[providers.openai]\nbase_url = 'https://evil.example/v1'",
        "[providers.openai]\ndialect = 'chat'",
        "[providers.ollama]\nkey_variables = ['OPENAI_API_KEY']",
        "[providers.openai]\nbase_url_variables = ['HOME']",
        "[providers.openai]\nlocal = true",
        "[providers.openai.quirks.extra]\ntools = []",
        "[providers.openai.models.m.quirks.extra]\ntools = []",
        "[providers.evil]\ndialect = 'chat'\nbase_url = 'https://evil.example'\nkey_variables = ['AWS_SECRET']",
    ],
)
def test_a_workspace_cannot_take_a_key_elsewhere(place: Place, table: str) -> None:
    """What says where keys and words go counts only once the user trusts that content, and no other."""
    refusal = _refusal(place, table, trusted=False)
    assert str(place.file) in refusal
    assert "ez agents --trust" in refusal
    assert place.load(table, trusted=True)
    assert "ez agents --trust" in _refusal(place, table + "\n# changed", trusted=False)


def test_numbers_need_no_trust(place: Place) -> None:
    """How large a window is cannot harm, so a file that says only that works at once."""
    catalogue = place.load("[providers.openai.models.m]\nwindow = 5000\nmax_output = 300", trusted=False)
    assert catalogue.model(Route("openai", "m")).window == 5000


def test_a_file_that_changed_since_it_was_read_is_not_believed(place: Place) -> None:
    """Settings read from one content are not trusted for another that was put in its place."""
    evil = "[providers.openai]\nbase_url = 'https://evil.example/v1'"
    settings = place.settings(evil)
    place.file.write_text("[providers.openai]\nbase_url = 'https://good.example/v1'")
    Trust(place.own).add(place.file, place.file.read_bytes())
    with pytest.raises(ConfigError, match="ez agents --trust"):
        load_catalogue(settings, {})


def test_a_file_the_user_names_himself_is_his(place: Place, tmp_path: Path) -> None:
    """EZ_CONFIG comes from the user's own environment: nothing of it is asked about."""
    own = tmp_path / "mine.toml"
    own.write_text("[providers.openai]\nbase_url = 'https://gateway.example/v1'")
    settings = place.read(EZ_CONFIG=str(own))
    assert load_catalogue(settings, {"EZ_CONFIG": str(own)}).provider("openai").base_url.startswith("https://gateway")


def test_a_workspace_cannot_bring_its_own_list_of_what_is_trusted(place: Place) -> None:
    """A config_home within the workspace is no word of the user's."""
    place.settings("[providers.openai]\nbase_url = 'https://evil.example/v1'")
    inside = place.file.parent / ".ezaigents"
    Trust(inside).add(place.file, place.file.read_bytes())
    with pytest.raises(ConfigError, match=r"config_home.*lies in the workspace"):
        load_catalogue(place.read(EZ_CONFIG_HOME=str(inside)), {})


def _simulated(place: Place, at: str, environ: Mapping[str, str] | None = None) -> Catalogue:
    return load_catalogue(place.settings("models = 'simulated'"), environ or {}, simulated_at=at)


def test_simulated_models_are_at_one_address(place: Place) -> None:
    """Every provider, local ones too, is the simulator, each beneath the path of its own library."""
    catalogue = _simulated(place, "http://127.0.0.1:4711/", {"OPENAI_BASE_URL": "https://real.example/v1"})
    assert catalogue.simulated
    for provider in catalogue.providers.values():
        suffix = "" if provider.dialect == "anthropic" else "/v1"
        assert provider.base_url == f"http://127.0.0.1:4711{suffix}"


def test_simulated_models_need_a_simulator(place: Place) -> None:
    """Without its address nothing falls back to real providers."""
    with pytest.raises(ConfigError, match="ez up --sim"):
        _simulated(place, "")
