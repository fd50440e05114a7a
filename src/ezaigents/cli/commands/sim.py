"""`ez sim`: simulated models, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from ezaigents.cli.options import json_option, whole

_KEY = "ez-sim-needs-no-key"
_ADDRESSES = {
    "ANTHROPIC": "",
    "OPENAI": "/v1",
    "DEEPSEEK": "",
    "MISTRAL": "/v1",
    "GEMINI": "/v1beta/openai",
}
"""What each provider's own library wants behind the host."""


@click.command("sim")
@click.option(
    "--port", metavar="PORT", type=whole(0, 65535), default=0, help="Port on loopback; any free one unless given."
)
@click.option(
    "--rules", metavar="FILE", type=click.Path(path_type=Path), multiple=True, help="A rule file; repeatable."
)
@click.option("--bare", is_flag=True, help="Without the rules for the sample repository.")
@click.option("--fault", metavar="SPEC", multiple=True, help="What goes wrong, such as 429,first=2; repeatable.")
@click.option("--log", metavar="FILE", type=click.Path(path_type=Path), help="Append a line per call to this file.")
@click.option("--seed", metavar="N", type=whole(0, 2**63), default=0, help="What chance begins with.")
@json_option
def command(
    port: int, rules: tuple[Path, ...], bare: bool, fault: tuple[str, ...], log: Path | None, seed: int, as_json: bool
) -> int:
    """Serve simulated models until Ctrl-C, and print what to set so that programs ask them.

    No model is asked: answers come from rules, and a prompt without a rule is answered "simulated: no rule". The rules
    that come along are for the sample repository.
    """
    from ezaigents.cli.talk import say
    from ezaigents.simulate import SimulatedModels, serve, team_rules

    sources = [*rules, *([] if bare else [team_rules()])]
    models = SimulatedModels(sources, faults=fault, log=log, port=port, seed=seed)
    serve(models, lambda url: _show(url, as_json))
    say("ez: the simulated models have stopped")
    return 0


def _show(url: str, as_json: bool) -> None:
    import sys

    from ezaigents.cli.show import show_json, show_line
    from ezaigents.cli.talk import say

    environment = {}
    for name, behind in _ADDRESSES.items():
        environment[f"{name}_BASE_URL"] = url + behind
        environment[f"{name}_API_KEY"] = _KEY
    say(f"simulated models listen on {url}; Ctrl-C ends them")
    if as_json:
        show_json({"url": url, "environment": environment})
    else:
        say(f"a fleet that asks them: EZ_MODELS=simulated EZ_SIM_URL={url} ez up")
        say("for any other program, set this where you start it; no real key is needed:")
        for name, value in environment.items():
            show_line(f"export {name}={value}")
    sys.stdout.flush()  # it goes on running: a pipe would wait until the end
