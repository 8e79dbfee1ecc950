# Everything there is to do with Headrace, on a machine with Python 3.11 and make.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint format bench crash-100 schemas clean

help:           ## say what there is
	@echo "make …"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  \1\t/' | expand -t 14

venv: $(STAMP)  ## make .venv and install everything into it, if anything changed

$(STAMP): pyproject.toml constraints.txt requirements-embedded.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-embedded.txt
	@$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## play a story of three providers; SECONDS=20 ends by itself
	@$(PY) -m tests.demo $(if $(SECONDS),--seconds $(SECONDS))

test: $(STAMP)  ## run all tests; ARGS='-k decide' for some
	@$(PY) -m pytest -q $(ARGS)

lint: $(STAMP)  ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(STAMP) ## let ruff write the code
	@$(PY) -m ruff check --fix-only -q .
	@$(PY) -m ruff format .

bench: $(STAMP) ## ours beside the stripped-down limit, in one run; ARGS=--quick
	@$(PY) -m tests.benchmarks $(ARGS)

crash-100: $(STAMP) ## the crash test, a hundred rounds of it
	@HEADRACE_CRASH_ROUNDS=100 $(PY) -m pytest -q -s tests/acceptance/test_crash.py $(ARGS)

schemas: $(STAMP) ## write schemas/json anew
	@$(PY) -m headrace_events.generate

clean:          ## remove what make made
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
