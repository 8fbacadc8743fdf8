# Every target makes its own set-up in .venv, from nothing but python3 (3.11 to 3.13) and make. See CONTRIBUTING.md.
#   make demo ARGS=--no-tui      hands arguments on to the program
#   make test ARGS=tests/unit    or to pytest
#   make PYTHON=/usr/bin/python3.12 ...

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format bench picture lock clean distclean moved

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTHON ?=
WORKERS ?= 2
INSTALL := PYTHON="$(PYTHON)" sh scripts/install.sh

# The stamps are out of date when the wanted versions change, and when the checkout has been copied or moved.
LOCKED := pyproject.toml constraints.txt scripts/install.sh
ifneq ($(wildcard $(VENV)/.made-in),)
ifneq ($(shell cat $(VENV)/.made-in),$(realpath .))
LOCKED += moved
endif
endif

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed-base ## Listen to a soundscape that the program makes itself, on screen (no microphone needed)
	@$(BIN)/auricle demo $(ARGS)

test: $(VENV)/.installed-full lint ## Run every check: format, lint, import law, types, and the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(VENV)/.installed-dev ## Check format, style, the import law and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo
	@sh scripts/typecheck.sh

format: $(VENV)/.installed-dev ## Put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-base ## Measure how many times faster than real time this machine is
	@$(BIN)/auricle bench $(ARGS)

picture: $(VENV)/.installed-base ## Draw docs/screen.svg, the picture in the README, anew
	@$(BIN)/python scripts/screen_picture.py

lock: $(VENV)/.installed-base ## Write constraints.txt anew after a change in pyproject.toml (ARGS=--upgrade for newest)
	@sh scripts/lock.sh $(ARGS)

clean: ## Remove what checks and builds have left, but not .venv
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache snapshot_report.html
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

distclean: clean ## And .venv
	rm -rf $(VENV)

$(VENV)/.installed-base: $(LOCKED)
	@$(INSTALL) base

$(VENV)/.installed-dev: $(LOCKED)
	@$(INSTALL) dev

$(VENV)/.installed-full: $(LOCKED)
	@$(INSTALL) full
