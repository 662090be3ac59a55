# Two commands on a fresh machine: `make demo` and `make test`. They need Python 3.11+ and a package index.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench docs setup clean

demo: .venv/.demo
	$(BIN)/xstilts demo

test: .venv/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.bench
	$(BIN)/python bench/run.py

docs: .venv/.demo
	$(BIN)/python -m xstilts.cli.views.catalogue_page > docs/tasks.md

setup: .venv/.test .venv/.check

.venv/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xstilts needs Python 3.11 or newer; run: make PYTHON=python3.x ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/.demo: .venv/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[pdf,review]'
	touch $@

.venv/.test: .venv/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ .venv/.demo

.venv/.bench: .venv/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench,pdf]'
	touch $@ .venv/.demo

.venv/.check: .venv/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist
