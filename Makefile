# `make demo` and `make test` work on a fresh machine: both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo docs models test test-all lint format bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt requirements-offline.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-offline.txt
	touch $@

demo: $(STAMP)
	$(BIN)/affectspace demo --out runs/demo

# The documentation site, in site/; every warning is an error.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# The models that ship, from their corpora; hours on one core. The same command continues.
DATA ?= ../shared/data
models: $(STAMP)
	$(BIN)/affectspace models make all --data $(DATA) --work runs/models --out src/affectspace/prediction/pretrained

test: lint
	$(BIN)/python -m pytest -q -n 2

test-all: lint
	$(BIN)/python -m pytest -q -n 2 -m "" --hypothesis-profile=search

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
