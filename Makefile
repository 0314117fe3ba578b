# make demo | test | check | slow | lessons | bench | docs | clean; each makes what it needs. `make test PYTHON=python3.12` picks the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := setup.cfg pyproject.toml

.DELETE_ON_ERROR:
.PHONY: help demo test lint types check slow lessons bench docs clean

help:
	@echo "make demo    train a network on real digits, verify it, draw it (into runs/)"
	@echo "make test    the quick tests and every documented example"
	@echo "make check   lint, types, tests with warnings as errors, README's commands"
	@echo "make slow    the tests that build, install and train"
	@echo "make lessons run every lesson in full (into runs/)"
	@echo "make bench   side by side with peers (benchmarks/RESULTS.md)"
	@echo "make docs    write docs/operations.md, docs/gallery.md and docs/lessons.md anew"
	@echo "make clean   remove what the other targets made (runs/ stays)"

demo: $(VENV)/demo.stamp
	$(BIN)/tinygrad-edu demo

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -q -m "not slow"

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .

# mypy cannot see that nn/ is tinygrad_edu.nn, so it reads a tree built afresh, from inside it.
types: $(VENV)/test.stamp
	rm -rf build/typecheck
	$(BIN)/python -c "from setuptools import setup; setup()" --quiet build_py -d build/typecheck
	cd build/typecheck && $(abspath $(BIN))/mypy --strict --config-file ../../setup.cfg --cache-dir ../../.mypy_cache -p tinygrad_edu

# setup.cfg turns warnings into errors for every test; README's code and commands are tests too.
check: lint types test

slow: $(VENV)/slow.stamp
	$(BIN)/python -m pytest -q -m slow

lessons: $(VENV)/demo.stamp
	$(BIN)/tinygrad-edu lesson all

bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.checkers

# docs/operations.md is written from the entries of the operations, docs/gallery.md by drawing, docs/lessons.md from the
# lessons, and the pictures that are missing there by running them; a test says when a page is stale.
docs: $(VENV)/demo.stamp
	$(BIN)/python docs/operations.py
	$(BIN)/python docs/gallery.py
	$(BIN)/python docs/lessons.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pygraphviz has wheels for the common platforms; without one, pictures fall back to the dot program or the built-in layout.
$(VENV)/demo.stamp: $(VENV)/made.stamp $(SOURCES)
	$(PIP) --editable '.[plot,train]'
	@$(PIP) --only-binary pygraphviz --editable '.[render]' \
		|| echo "make: no ready-made pygraphviz for this platform: pictures use the dot program, or the built-in layout"
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/slow.stamp: $(VENV)/test.stamp
	$(PIP) --editable '.[compare]'
	@touch $@

$(VENV)/bench.stamp: $(VENV)/demo.stamp
	$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/made.stamp:
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: no '$(PYTHON)' on the PATH; install Python 3.11 or newer, or name yours: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: tinygrad_edu needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
			"name a newer one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@
