# `make dev` and `make test` install all that they need into .venv.

# The first interpreter that is installed and new enough creates the virtual environment: the newest
# version that the tests run on, then the others.
PYTHONS := python3.13 python3.12 python3.11 python3.14 python3
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet
UV_INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
# uv installs in seconds what takes pip most of a minute. Where uv cannot, pip does: only pip knows
# the package index that a machine configures for pip.
INSTALL = $(UV_INSTALL) $(1) || $(PIP_INSTALL) $(1)

.DEFAULT_GOAL := help
.PHONY: help dev test check clients test-bounds audit bench chaos format lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

dev: $(VENV)/.dev ## Serve for development: PostgreSQL, a token, GraphiQL
	@exec $(BIN)/python -m todo_graphql dev

test: check ## Run all checks: format, lint, types, contracts, tests, coverage

WORKERS := --numprocesses auto --dist loadfile --no-loadscope-reorder
# Processes that tests start read compiled modules, even if the shell sets this variable.
COMPILED := PYTHONDONTWRITEBYTECODE=

# `make test CITUS_URL=postgresql://…` also runs these tests on a Citus cluster of two workers or more,
# in one process: databases of a cluster share roles, and Citus fails for concurrent changes of a role.
CITUS_TESTS := tests/store tests/api/test_isolation.py tests/api/test_task_changes.py \
	tests/api/test_push_tasks.py tests/server/live/test_streams.py \
	tests/server/endpoints/test_export.py tests/server/endpoints/test_import.py

# `make check ONLY=tests/api/test_pages.py` runs these tests only, without coverage.
check: $(VENV)/.test ## Run all checks; ONLY=tests/api/test_pages.py runs these tests only
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --num-workers auto
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
ifdef ONLY
	$(COMPILED) $(BIN)/python -m pytest $(WORKERS) $(ONLY)
else
	$(BIN)/coverage erase
	$(COMPILED) $(BIN)/coverage run -m pytest $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
ifdef CITUS_URL
	$(COMPILED) DATABASE_URL=$(CITUS_URL) $(BIN)/python -m pytest \
		-m "not plain_postgresql" $(CITUS_TESTS)
endif
endif

# `make clients ARGS=urql` runs the tests of one client only.
clients: $(VENV)/.test ## Run the tests with unmodified JavaScript clients; needs Node 20 or newer
	@exec $(BIN)/python -m tests.clients $(ARGS)

RESOLUTIONS := lowest-direct highest

test-bounds: $(VENV)/.test ## Run the tests with the lowest and with the newest allowed versions
	@for resolution in $(RESOLUTIONS); do \
		echo "Testing with --resolution $$resolution …"; \
		install="$(BIN)/uv pip install --quiet --python .venv-$$resolution"; \
		$(BIN)/uv venv --quiet --clear --seed --python $(BIN)/python .venv-$$resolution \
		&& $$install --resolution $$resolution --editable '.[dev,redis,tracing]' \
		&& $$install --group build --group lint --group test \
		&& .venv-$$resolution/bin/python -m pytest $(WORKERS) || exit 1; \
	done

audit: $(VENV)/.test ## Check all pinned packages for known vulnerabilities
	$(BIN)/python -m tests.support.audit

bench: $(VENV)/.test ## Compare with other servers in ten minutes; ARGS=--quick takes two
	@exec $(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/.test ## Test under injected failures in 45 minutes; ARGS=--quick takes nine
	@exec $(BIN)/python -m chaos $(ARGS)

format: $(VENV)/.test ## Format the code, and apply the fixes of the linter
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

schema.graphql: $(VENV)/.dev $(shell find todo_graphql/api todo_graphql/errors.py -name "*.py")
	$(BIN)/python -m todo_graphql schema --output $@

UV_EXPORT := $(BIN)/uv export --quiet --frozen --format requirements-txt \
	--no-header --no-annotate --no-emit-project --no-default-groups

lock: $(VENV)/.installer ## Pin the newest versions of all packages, with hashes
	$(BIN)/uv lock --quiet --upgrade
	$(UV_EXPORT) --only-group installer --output-file requirements/installer.txt
	$(UV_EXPORT) --output-file requirements/runtime.txt
	$(UV_EXPORT) --extra redis --extra tracing --output-file requirements/runtime-extras.txt
	$(UV_EXPORT) --only-group build --output-file requirements/build.txt
	$(UV_EXPORT) --extra dev --group build --output-file requirements/dev.txt
	$(UV_EXPORT) --group dev --output-file requirements/test.txt

clean: ## Remove all generated files except the data of `make dev`
	rm -rf $(VENV) $(RESOLUTIONS:%=.venv-%) dist build uv.lock .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	rm -rf tests/clients/node_modules tests/clients/generated
	find * -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer with its venv module is required (on Debian: python3-venv)." >&2; \
		exit 1; fi
	$(PYTHON) -m venv $(VENV)

# python-jose declares packages that it does not need with `cryptography`. They are not pinned, so
# pip must ignore declared dependencies (--no-deps): the files name all packages.
PINNED := --require-hashes --no-deps --requirement

$(VENV)/.installer: $(BIN)/python requirements/installer.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(PIP_INSTALL) $(PINNED) requirements/installer.txt || echo "uv is not available: pip installs."
	@touch $@

$(VENV)/.dev: $(VENV)/.installer requirements/dev.txt pyproject.toml
	@echo "Installing the packages of \`make dev\` into $(VENV) …"
	@$(call INSTALL,$(PINNED) requirements/dev.txt)
	@$(call INSTALL,--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/.test: $(VENV)/.dev requirements/test.txt
	@echo "Installing the packages of the checks into $(VENV) …"
	@$(call INSTALL,$(PINNED) requirements/test.txt)
	@touch $@
