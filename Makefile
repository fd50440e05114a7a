# Everything a developer or CI does; `make help` lists it. Each target sets up what it needs, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Byte code beside the sources keeps the processes light: without it each start compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check format screenshots bench bench-peers soak chaos nightly switches wheel-test lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/runtime
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/bench: requirements-bench.lock $(VENV)/dev
	$(BIN)/pip install --quiet --require-hashes -r requirements-bench.lock
	@touch $@

demo: $(VENV)/runtime ## set up, and run the main job on this project's own sources
	@BIN=$(BIN) bash examples/demo.sh

test: $(VENV)/dev ## set up, and run all tests (under 8 minutes on 2 cores)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not alone" tests
	$(BIN)/python -m pytest -m alone tests

check: $(VENV)/dev ## format, lint, types, import law
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev ## put the sources in form
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

screenshots: $(VENV)/dev ## pictures of every page, in docs/screenshots; needs a Chromium
	$(BIN)/python -m tests.browser.screenshots

bench: $(VENV)/dev ## every figure the documents print, one JSON line each
	$(BIN)/python -m bench

bench-peers: $(VENV)/bench ## the queue beside taskiq, saq and arq, in the same run
	$(BIN)/python -m bench.peers

SWITCHES := shared-runtime bounded-memory compact-storage push-delivery delta-heartbeat pushed-dashboard parallel-start
MINUTES ?= 60
soak: $(VENV)/dev ## events, tasks and pages over HTTP for MINUTES (60): is the host's memory flat? one JSON line
	$(BIN)/python -m bench site_soak --minutes $(MINUTES)

chaos: $(VENV)/dev ## kill things at random for some minutes; one JSON line
	$(BIN)/python -m tests.chaos.drive --kills 1000 --tasks 20000
	$(BIN)/python -m tests.chaos.models --kills 100 --tasks 500

nightly: $(VENV)/dev ## the full numbers: 5,000 kills over 100,000 tasks, every pair of switches off (about two hours)
	$(BIN)/python -m tests.chaos.drive --kills 5000 --tasks 100000
	$(BIN)/python -m tests.chaos.models --kills 300 --tasks 1500
	$(BIN)/python -m pytest -m nightly tests
	EZ_TESTS_LONG=1 $(BIN)/python -m pytest -n 3 --dist loadfile -m "not alone" tests
	@set -- $(SWITCHES); while [ $$# -gt 1 ]; do first=$$1; shift; for other in "$$@"; do \
	  echo "without $$first and $$other"; \
	  $(BIN)/python -m pytest -n 3 --dist loadfile -m functional --off $$first,$$other tests || exit 1; done; done

switches: $(VENV)/dev ## the functional tests with every optimisation off alone, and with all off
	@for off in $(SWITCHES) all; do \
	  echo "without $$off"; $(BIN)/python -m pytest -n 3 --dist loadfile -m functional --off $$off tests || exit 1; done

wheel-test: $(VENV)/dev ## build the wheel, install it in a fresh environment, run the tests against it
	@BIN=$(BIN) PYTHON=$(PYTHON) bash .ci/wheel-test

lock: $(VENV)/dev ## pin every dependency again, with hashes
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group dev --group bench pyproject.toml -c requirements.lock -o requirements-bench.lock

clean: ## remove what was set up and built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
