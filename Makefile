# `make help` lists the targets. Set-up is done once and again only when the requirements change.
#   PYTHON=...   the interpreter for the virtual environment (3.11 or newer)
#   ARGS=...     passed on to the demonstration, pytest, the bench or the soak
#   FUZZ_N=...   changed requests for each route of the fuzz (10000)
#   SOAK_S=...   seconds of the soak (an hour)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
LS_VENV := .ls-venv
BIN := $(VENV)/bin
LS_BIN := $(LS_VENV)/bin/label-studio
LABEL_STUDIO := label-studio==1.23.2
PIP := -m pip --disable-pip-version-check install --quiet

INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_LS := $(LS_VENV)/.installed

.PHONY: help run test test-slow check demo accept-containers bench bench-learning soak fuzz audit format system browser label-studio clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

run: system $(INSTALLED) ## set up and run the backend: Redis, worker and web server
	@exec $(BIN)/python -m backend run

# Label Studio is installed only where no other is named; both are installed side by side.
demo: system ## try it: Label Studio with sample forms, and the backend that learns from them
	@$(MAKE) --no-print-directory --jobs=2 $(INSTALLED) $(if $(LABEL_STUDIO_BIN),,$(INSTALLED_LS))
	@LABEL_STUDIO_BIN="$(or $(LABEL_STUDIO_BIN),$(CURDIR)/$(LS_BIN))" exec $(BIN)/python -m scripts.demo $(ARGS)

test: system browser $(INSTALLED_DEV) label-studio ## set up and run the tests
	@$(call pytest,not slow)

test-slow: system browser $(INSTALLED_DEV) label-studio ## run the tests that take minutes
	@$(call pytest,slow)

check: $(INSTALLED_DEV) ## style, types, known holes of packages, and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory audit
	@$(MAKE) --no-print-directory test

accept-containers: system $(INSTALLED_DEV) $(if $(LABEL_STUDIO_BIN),,$(INSTALLED_LS)) ## build the containers and play a project through
	@LABEL_STUDIO_BIN="$(or $(LABEL_STUDIO_BIN),$(CURDIR)/$(LS_BIN))" $(BIN)/python -m scripts.accept_containers

bench: system $(INSTALLED_DEV) ## measure speed, latency and memory against the plain way
	@$(BIN)/python -m scripts.bench_speed $(ARGS)

bench-learning: system $(INSTALLED_DEV) $(if $(LABEL_STUDIO_BIN),,$(INSTALLED_LS)) ## measure what annotated pages are worth, and how soon
	@LABEL_STUDIO_BIN="$(or $(LABEL_STUDIO_BIN),$(CURDIR)/$(LS_BIN))" $(BIN)/python -m scripts.bench_learning $(ARGS)

soak: system $(INSTALLED_DEV) ## an hour of load and kills: what is lost by them
	@$(BIN)/python -m scripts.soak --seconds $(or $(SOAK_S),3600) $(ARGS)

fuzz: system $(INSTALLED_DEV) ## send the service thousands of changed requests
	@$(BIN)/python -m scripts.fuzz $(if $(FUZZ_N),--bodies $(FUZZ_N)) $(ARGS)

audit: $(INSTALLED_DEV) ## look for known holes in the pinned packages
	@$(BIN)/python -m scripts.audit

format: $(INSTALLED_DEV) ## put the code into the common form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove environments and caches; data stay
	rm -rf $(VENV) $(LS_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Tests against a real Label Studio skip themselves where LABEL_STUDIO_BIN is empty.
define pytest
LABEL_STUDIO_BIN=$$(test -f $(INSTALLED_LS) && echo "$(CURDIR)/$(LS_BIN)" || true) \
  $(BIN)/python -m pytest -m "$(1)" $(ARGS)
endef

system:
	@scripts/setup-system

browser:
	@scripts/setup-system browser

$(BIN)/python: | system
	$$(scripts/find-python) -m venv $(VENV)

$(INSTALLED): requirements.txt requirements-nodeps.txt | $(BIN)/python
	$(BIN)/python $(PIP) -r requirements.txt
	$(BIN)/python $(PIP) --no-deps --require-hashes -r requirements-nodeps.txt
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt
	$(BIN)/python $(PIP) -r requirements-dev.txt
	@touch $@

label-studio:
	@$(MAKE) --no-print-directory $(INSTALLED_LS) \
	  || echo "Label Studio could not be installed: the tests against it will be skipped" >&2

$(INSTALLED_LS): Makefile | $(BIN)/python
	test -x $(LS_VENV)/bin/python || $$(scripts/find-python) -m venv $(LS_VENV)
	$(LS_VENV)/bin/python $(PIP) "$(LABEL_STUDIO)"
	@touch $@
