# `make run` serves the demo; `make test` runs the tests. Both install what they need into .venv first.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= data

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install run test check

install: .venv/serving

run: .venv/serving
	$(BIN)/lector index --demo --data $(DATA)
	$(BIN)/lector serve --host $(HOST) --port $(PORT) --data $(DATA)

test: .venv/everything
	$(BIN)/python -m pytest

check: .venv/everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Lector needs Python 3.11 or newer"'
	$(PYTHON) -m venv .venv || { rm -rf .venv; false; }

.venv/serving: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

.venv/everything: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[train,bench,dev]'
	touch .venv/serving $@
