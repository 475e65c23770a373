# The commands of the house. Each does all its own set-up on a fresh machine.
PYTHON ?= python3
PY := .venv/bin/python
RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp
BUDGET ?= 60
SEED ?= 7
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml

# Our own modules are compiled once, not by each of the hundreds of programs that the tests start.
unexport PYTHONDONTWRITEBYTECODE

ONLY ?=
.PHONY: help install demo test check prove bench format lock packages clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(RUNTIME): requirements.lock
	@$(PYTHON) -m venv .venv >&2
	@echo "installing what the demo needs (once)" >&2
	@$(PIP) --require-hashes -r requirements.lock >&2
	@printf '#!/bin/sh\nexec "%s/.venv/bin/python" "%s/wattpost.py" "$$@"\n' "$(CURDIR)" "$(CURDIR)" > .venv/bin/wattpost
	@chmod +x .venv/bin/wattpost
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml
	@$(PYTHON) -m venv .venv >&2
	@echo "installing what tests and checks need (once)" >&2
	@$(PIP) --require-hashes -r requirements-dev.lock >&2
	@$(PIP) --no-deps --no-build-isolation -e . >&2
	@touch $@

install: $(RUNTIME) ## the command `wattpost` in .venv/bin, and what it needs

demo: $(RUNTIME) ## a whole station on this machine; ARGS="--for 60s --json" runs it unattended
	@$(PY) wattpost.py demo $(ARGS)

packages: ## the Debian packages that tests need
	@tests/packages.sh

test: $(DEV) packages ## all tests; ARGS="-k outbox" for some
	@$(PY) -m pytest -n auto --dist loadgroup $(ARGS)

check: $(DEV) ## format, lint, types, import contracts
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports

prove: $(DEV) ## kill -9 everything at random for BUDGET seconds; ends with one line of JSON
	@$(PY) -m tests.proof --budget $(BUDGET) --seed $(SEED)

bench: $(DEV) packages ## measure against the peers; ONLY=codec|lines|modbus|ingest|series|drain|fleet|mutations|archive|vee|forecast|demand|analysis|profile|nightly|loss|billing|tiers|promises|advice|whatif|classes|uplift for one
	@$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

format: $(DEV) ## put the code in order
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

lock: ## write the three lock files anew (needs uv)
	$(LOCK) -o requirements-edge.lock
	$(LOCK) --extra all -o requirements.lock
	$(LOCK) --extra all --group dev -o requirements-dev.lock

clean: ## remove what was installed and made
	rm -rf .venv .venv-peers var artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis
