# Everything a person or CI does with this checkout. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
ARGS ?=
# Versions and hashes only: a lock file names no index and no download link, whatever this machine is set up to use.
LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test check lint types imports tests unit fuzz format docs lock clean distclean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv from the hashed lock file, with the commands clarion and clarion-worker in it

demo: setup ## Run the example campaign on this machine: sandbox, Temporal, worker, live view, report
	@$(BIN)/clarion demo $(ARGS)

test: check tests ## Set up, then run every check and every test

check: lint types imports ## Run the checks that run no code: style, types, imports

lint: setup ## Check style and house rules (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: setup ## Check types (mypy, strict)
	$(BIN)/mypy

imports: setup ## Check that imports go one way (import-linter)
	$(BIN)/lint-imports --no-logo

tests: setup ## Run the tests; ARGS="-k books" picks some
	@# Two files at a time where tests wait more than they work; what starts all parts has the machine to itself.
	@# Pytest says 5 when ARGS leave nothing to run in one of the two.
	$(BIN)/pytest --numprocesses 2 --dist loadfile --ignore tests/e2e --ignore tests/package $(ARGS) || [ -n "$(ARGS)" -a $$? -eq 5 ]
	$(BIN)/pytest tests/e2e tests/package $(ARGS) || [ -n "$(ARGS)" -a $$? -eq 5 ]

unit: setup ## Run the fast tests only: no server, no process
	$(BIN)/pytest tests/unit $(ARGS)

fuzz: setup ## Send generated requests to the whole REST interface; ARGS="--max-time 600 --seed 1" says how long
	$(BIN)/python -m tests.e2e.fuzzing $(ARGS)

format: setup ## Rewrite the files in house style
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: setup ## Write the pages that are made from the code anew: docs/settings.md
	$(BIN)/python -m clarion.settings_reference docs/settings.md

lock: setup ## Write both lock files anew from pyproject.toml; ARGS=--upgrade takes newer versions
	$(BIN)/uv pip compile $(LOCK) $(ARGS) pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile $(LOCK) $(ARGS) pyproject.toml --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
	@if grep -nE '://|^ *-(i|f|-)' requirements.lock requirements-dev.lock | grep -v -- '--hash='; then \
		echo "the lines above name an index or a link: a lock file here has versions and hashes only" >&2; exit 1; fi

clean: ## Remove what builds and checks leave behind
	rm -rf dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## The same, and the environment
	rm -rf $(VENV)

$(STAMP): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here: install Python 3.11 or newer, or name yours: make setup PYTHON=/path/to/python" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version 2>&1) is too old, Clarion needs 3.11 or newer;" \
			"if you have one under another name: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot create environments: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@echo "Installing the locked packages into $(VENV) (a minute or two the first time) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@
