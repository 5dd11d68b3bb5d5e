# `make run` starts Patchbay, `make test` runs all tests, `make check` everything that reads the code without running it.
# `make benchmark` measures what docs/performance.md shows, `make prove` proves what docs/faults.md promises.
# The environment is made on demand; only git, make and Python 3.11 or newer are needed.
.PHONY: run test check benchmark prove clean
.DEFAULT_GOAL := run
SHELL := /bin/sh
python := .venv/bin/python
code := app flows steps examples benchmarks tests
# Folders that do not exist yet, or hold no Python yet, are nothing to complain about.
with_python = $(foreach folder,$(1),$(if $(shell find $(folder) -name '*.py' 2>/dev/null | head -1),$(folder)))
# The same for what npm builds or installs: only folders with a package.json count.
with_packages = $(if $(wildcard $(1)/package.json),$(2))
pages := $(call with_packages,static,static/dist/.stamp)
doubles := $(call with_packages,tests/doubles,tests/doubles/node_modules/.stamp)

run: .venv/run.stamp $(pages)
	@exec $(python) -m app.cli run

# TESTS="tests/flows -k menu" runs a part. One test more at once than there are processors, each process with servers of
# its own; one that has nothing left takes from the others, because a few tests last minutes.
test: .venv/dev.stamp $(pages) $(doubles)
	@.ci/browser
	@$(python) -m pytest -n auto --dist worksteal $(TESTS)

check: .venv/dev.stamp
	@$(python) -m ruff format --check --quiet --output-format=concise . || \
		{ echo "Run: $(python) -m ruff format ." >&2; exit 1; }
	@$(python) -m ruff check --quiet .
	@$(python) -m mypy --no-error-summary $(call with_python,$(code)) wsgi.py
	@.venv/bin/lint-imports --no-logo
	@! $(python) -m vulture | grep -v 'unused \(variable\|attribute\)'  # fields of dataclasses and tables look unused
	@echo "make check: format, lint, types, import rules and dead code are in order"

benchmark: .venv/dev.stamp
	@$(python) -m benchmarks

# Some 40 minutes on two processors.
prove: .venv/dev.stamp
	@$(python) -m tests.faults prove

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .import_linter_cache static/dist
	rm -rf static/node_modules tests/doubles/node_modules

.venv/run.stamp: requirements.txt pyproject.toml
	@.ci/environment run

.venv/dev.stamp: requirements.txt requirements-dev.txt pyproject.toml
	@.ci/environment dev

static/dist/.stamp: $(shell find static -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null) | .venv/run.stamp
	@echo "Building the pages"
	@.ci/node static ci
	@.ci/node static run build
	@touch $@

tests/doubles/node_modules/.stamp: $(wildcard tests/doubles/package*.json) | .venv/dev.stamp
	@.ci/node tests/doubles ci
	@touch $@
