# `make dev` and `make test` do all the set-up themselves, in .venv.

# The first of these that is installed and new enough makes the virtual environment: the
# newest one that the tests run on, then the others.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet

.DEFAULT_GOAL := help
.PHONY: help dev test check audit bench chaos format lock clean

help: ## Show what can be done
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

dev: $(VENV)/.runtime ## Serve for development: PostgreSQL, a token, GraphiQL
	@exec $(BIN)/python -m todo_graphql dev

test: check ## Check everything: format, lint, types, contracts, tests, coverage

WORKERS := --numprocesses auto --dist loadfile --no-loadscope-reorder
# Each process that a test starts reads compiled modules, also where the shell forbids them.
COMPILED := PYTHONDONTWRITEBYTECODE=

# `make check ONLY=tests/test_pages.py` runs these tests alone, and measures no coverage.
check: $(VENV)/.development
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m tests.audit --if-reachable
ifdef ONLY
	$(COMPILED) $(BIN)/python -m pytest $(WORKERS) $(ONLY)
else
	$(BIN)/coverage erase
	$(COMPILED) $(BIN)/coverage run -m pytest $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
endif

audit: $(VENV)/.development ## Look all pinned packages up among known vulnerabilities
	$(BIN)/python -m tests.audit

bench: $(VENV)/.development ## Measure beside others, ten minutes; ARGS=--quick takes two
	@exec $(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/.development ## Break things and see what holds, some 25 minutes; ARGS=--quick takes three
	@exec $(BIN)/python -m chaos $(ARGS)

format: $(VENV)/.development ## Format the code, and mend what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

schema.graphql: $(VENV)/.runtime $(wildcard todo_graphql/api/*.py todo_graphql/errors.py)
	$(BIN)/python -m todo_graphql schema --output $@

lock: $(VENV)/.development ## Pin the newest versions of everything, with hashes
	$(PIP_INSTALL) uv
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		pyproject.toml --group editable --output-file requirements/runtime.txt
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		pyproject.toml --group editable --group dev --output-file requirements/development.txt

clean: ## Remove what was made here, but not the data of `make dev`
	rm -rf $(VENV) dist build .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer with its venv module is needed (on Debian: python3-venv)." >&2; \
		exit 1; fi
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt pyproject.toml
	@echo "Installing what the server needs into $(VENV) …"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	$(PIP_INSTALL) --require-hashes --requirement requirements/runtime.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt
	@echo "Installing what the checks need into $(VENV) …"
	$(PIP_INSTALL) --require-hashes --requirement requirements/development.txt
	@touch $@
