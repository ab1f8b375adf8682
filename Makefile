# Every command of the project. `make help` explains them.
SHELL := bash
.DEFAULT_GOAL := help
BIN := .venv/bin
TIDEMARK := $(BIN)/tidemark
PYTHON_ROOMS := lakehouse streaming serving spark_jobs dags ml bench tests
PYTEST_ARGS ?=
# These run on every core at once; the files of the others by two at a time, each beside engines of its own.
WITHOUT_ENGINES := tests/architecture tests/property tests/unit
BY_TWO := -n 2 --dist loadfile --no-loadscope-reorder
# Told to keep no bytecode, every command would compile its libraries again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test fuzz up down lint fmt bench lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: ## make .venv from requirements.lock (every other command does this first)
	@deploy/install

demo: install ## install, start the whole stack, run the main job on real prices, print the answer
	@$(TIDEMARK) demo

test: install ## install what is missing and run every test on real engines
ifeq ($(PYTEST_ARGS),)
	@$(BIN)/python -m pytest -n auto $(WITHOUT_ENGINES)
	@$(BIN)/python -m pytest $(BY_TWO) $(addprefix --ignore=,$(WITHOUT_ENGINES))
else
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

fuzz: install ## let Schemathesis try some 40,000 requests on an API of its own, with every check (an hour)
	@$(BIN)/python -m pytest -s --fuzz 60 tests/integration/serving/test_schema_conformance.py -k document_is_kept

up: install ## start the embedded stack
	@$(TIDEMARK) up

down: install ## stop the embedded stack and leave no process behind
	@$(TIDEMARK) down

lint: install ## ruff, formatting, mypy strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: install ## format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: install ## run every workload beside a peer and its physical limit; tables in bench/out
	@$(TIDEMARK) bench

lock: install ## render requirements.lock from requirements.in, with hashes and without addresses
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		requirements.in --output-file requirements.lock >/dev/null

clean: ## stop the stack and remove .venv, data and caches of this checkout (the per-user engine cache stays)
	@if [ -x $(TIDEMARK) ]; then $(TIDEMARK) down; fi
	@rm -rf .venv .tidemark build bench/out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
