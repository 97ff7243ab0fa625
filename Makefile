# make run    set everything up, start the stack, turn the wheel once     make stop   end what run started
# make test   set everything up, run every test                           make clean  stop, and forget all data
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run stop test check fmt bench clean lock schemas

UV_VERSION := 0.13.9
# 3.11 first: every figure of the documentation was measured on it. `make PYTHON=python3.13 setup` chooses another.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
INSTALLED := .venv/.installed
RUN := .venv/bin

help:
	@grep -E '^# make' Makefile | cut -c3-

setup: $(INSTALLED)

# Anew whenever the lock or a package's metadata changes; nothing to do otherwise.
$(INSTALLED): requirements.lock pyproject.toml feedback/capture/client/pyproject.toml
	@python=""; \
	for candidate in $(PYTHONS); do \
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    python="$$(command -v "$$candidate")"; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11, 3.12 or 3.13 among: $(PYTHONS). Install one, or name it: make PYTHON=/path/to/python setup" >&2; \
	  exit 1; \
	fi; \
	uv=uv; \
	if ! uv --version >/dev/null 2>&1; then \
	  uv=.uv/bin/uv; \
	  if ! $$uv --version >/dev/null 2>&1; then \
	    "$$python" -m venv --clear .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	  fi; \
	fi; \
	if ! .venv/bin/python -c '' 2>/dev/null; then $$uv venv --quiet --clear --python "$$python" .venv; fi; \
	echo "installing packages into .venv (8 GiB: some minutes at first, seconds when they are cached) ..."; \
	$$uv pip install --python .venv/bin/python --quiet --compile-bytecode --require-hashes -r requirements.lock; \
	$$uv pip install --python .venv/bin/python --quiet --no-deps -e . -e feedback/capture/client
	@touch $@

run: setup
	@$(RUN)/feedwheel up
	@$(RUN)/feedwheel simulate

# Without setup: what runs must be ended by what started it, not by what a newer lock would install first.
stop:
	@if [ -x $(RUN)/feedwheel ]; then $(RUN)/feedwheel down; else echo "nothing is installed, so nothing runs"; fi

# A file's tests share what they start, so files are dealt out, not tests; more than four at once gain little and
# need 3 GiB each. ARGS="-n 0" runs them in one process.
test: setup
	@$(RUN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

check: setup
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

fmt: setup
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

bench: setup
	@for script in $$(grep -L 'required=True' tests/bench/bench_*.py); do echo "== $$script"; $(RUN)/python "$$script"; done

# Deletes the repository's own .feedwheel and nothing else; a home set elsewhere is its owner's to delete.
clean:
	@if [ -L .feedwheel ]; then echo ".feedwheel is a link: remove it and its target yourself" >&2; exit 1; fi
	@if [ -x $(RUN)/feedwheel ]; then \
	  home="$$($(RUN)/python -c 'from pipelines.settings import Settings; print(Settings.load().home.absolute())')"; \
	  if [ "$$home" != "$(CURDIR)/.feedwheel" ]; then \
	    echo "FEEDWHEEL_HOME is $$home: not deleted. Remove it yourself, or unset FEEDWHEEL_HOME" >&2; exit 1; \
	  fi; \
	  $(RUN)/feedwheel down; \
	elif ls .feedwheel/run/*.json >/dev/null 2>&1; then \
	  echo "the stack may be running, and .venv is gone: run \`make setup\` first" >&2; exit 1; \
	fi
	rm -rf .feedwheel

# What is installed, by exact version and hash, for every platform and Python; it names no package index.
lock:
	uv pip compile pyproject.toml feedback/capture/client/pyproject.toml --all-extras --universal --generate-hashes \
	  --no-emit-package feedwheel-capture --no-header -o requirements.lock

# The schemas of the event records (JSON Schema and Avro), for a person to review what changed.
schemas: setup
	@$(RUN)/python infra/publish_schemas.py
