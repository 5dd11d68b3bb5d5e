# `make run` starts Patchbay, `make test` runs all tests, `make check` everything that reads the code without running it.
# The environment is made on demand; only git, make and Python 3.11 or newer are needed.
.PHONY: run test check clean
.DEFAULT_GOAL := run
SHELL := /bin/sh
python := .venv/bin/python
code := app flows steps examples benchmarks tests
# Folders that do not exist yet, or hold no Python yet, are nothing to complain about.
present = $(foreach folder,$(1),$(if $(shell find $(folder) -name '*.py' 2>/dev/null | head -1),$(folder)))

run: .venv/run.stamp
	@exec $(python) -m app.cli run

# TESTS="tests/flows -k menu" runs a part.
test: .venv/dev.stamp
	@.ci/browser
	@$(python) -m pytest $(TESTS)

check: .venv/dev.stamp
	@$(python) -m ruff format --check --quiet --output-format=concise . || { echo "Run: $(python) -m ruff format ." >&2; exit 1; }
	@$(python) -m ruff check --quiet .
	@$(python) -m mypy --no-error-summary $(call present,$(code)) wsgi.py
	@.venv/bin/lint-imports --no-logo
	@$(python) -m vulture
	@echo "make check: format, lint, types, import rules and dead code are in order"

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .import_linter_cache static/dist

.venv/run.stamp: requirements.txt pyproject.toml
	@.ci/environment run

.venv/dev.stamp: requirements.txt requirements-dev.txt pyproject.toml
	@.ci/environment dev
