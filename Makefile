# The only commands people and CI need. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.SECONDARY:

PYTHON ?= python3
VENV ?= .venv
STORE ?= models
BUILD ?= build
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := sentiment topic intent ner
DEMO_ZH := sentiment-zh ner-zh
bundles = $(1:%=$(STORE)/%/1/manifest.json)
BUNDLES := $(call bundles,$(DEMO))
BUNDLES_ZH := $(call bundles,$(DEMO_ZH))

.PHONY: help install models models-zh serve demo test test-fast test-slow test-clients test-fleet check format \
    bench bench-quick bench-score opinion-surge screenshots dashboards clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## Install everything into .venv, at the versions of constraints.txt

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
	    -e '.[image,serve,store,otel,export,train,score,report,demo,dev]'
	touch $@

models: $(BUNDLES) ## Fine-tune, export and verify the four demo models

models-zh: $(BUNDLES_ZH) ## The same for two Chinese models, which join them in the store

# Only the programs' presence counts: a new tool version does not retrain what is there.
$(BUILD)/checkpoints/%/evaluation.json: | $(INSTALLED)
	$(BIN)/python -m demo $* --out $(BUILD)/checkpoints --cache $(BUILD)/cache

$(STORE)/%/1/manifest.json: $(BUILD)/checkpoints/%/evaluation.json | $(INSTALLED)
	$(BIN)/python -m export $(BUILD)/checkpoints/$* --name $* --version 1 --store $(STORE) \
	    --eval $(BUILD)/checkpoints/$*/eval.jsonl

serve: $(INSTALLED) ## Serve the model store on http://127.0.0.1:8000
	$(BIN)/python -m app --model-store $(STORE)

# The first bundle is enough to start; the others appear in the running service by hot reload.
demo: $(INSTALLED) $(STORE)/sentiment/1/manifest.json ## Install, make the models, and serve them
	@echo "the other models appear in the service as they finish: tail -f $(BUILD)/models.log"
	@$(MAKE) models > $(BUILD)/models.log 2>&1 & making=$$!; \
	trap 'kill $$making 2> /dev/null || true' EXIT; \
	$(BIN)/python -m app --model-store $(STORE)

test: test-fast test-slow ## Run every test, the demo path on real models included

test-fast: $(INSTALLED) ## Run the tests that need no demo model
	$(BIN)/python -m pytest -m "not slow and not clients and not fleet"

test-slow: $(INSTALLED) $(BUNDLES) $(BUNDLES_ZH) ## Run the tests on the demo models, which it makes first
	$(BIN)/python -m pytest -m slow

test-clients: $(INSTALLED) ## Point every client of other APIs at the service, the large ones too
	$(BIN)/python -m pytest tests/clients

test-fleet: $(INSTALLED) $(BUNDLES) ## Several services behind a balancer, on Ray, from a bucket
	$(BIN)/python -m pytest -m fleet

check: $(INSTALLED) ## Lint, formatting, types, import rules and the size of folders
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_house.py

format: $(INSTALLED) ## Put the code into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Figures need a quiet machine, so CI runs neither. `wrk` comes from the system's packages.
bench: $(INSTALLED) $(BUILD)/checkpoints/sentiment/evaluation.json ## Measure beside the machine's limit and all peers (half an hour)
	$(BIN)/python -m benchmarks --out docs/benchmarks

opinion-surge: $(INSTALLED) $(BUNDLES) ## Feed an hour of opinions, then a surge, to a real Prometheus and Alertmanager (85 minutes)
	$(BIN)/python -m tests.deployment.surge --store $(STORE) --out $(BUILD)/opinion-surge
	$(BIN)/python -m docs.report_picture $(BUILD)/opinion-surge/report.html --out docs/opinions/report.png

bench-quick: $(INSTALLED) $(BUILD)/checkpoints/sentiment/evaluation.json ## A part of it in minutes
	$(BIN)/python -m benchmarks --quick --out docs/benchmarks

bench-score: $(INSTALLED) $(BUILD)/checkpoints/sentiment/evaluation.json ## Score a million rows: memory, the limit's share, kills (half an hour)
	$(BIN)/python -m benchmarks.measures.score --out docs/benchmarks

screenshots: $(INSTALLED) $(BUNDLES) ## Take the pictures of the playground anew, in the system's chromium
	$(BIN)/python -m docs.screenshots --store $(STORE) --out docs/playground

dashboards: $(INSTALLED) $(BUNDLES) ## Write the dashboards, and draw them over services on a busy day (20 minutes)
	$(BIN)/python -m deploy.grafana
	$(BIN)/python -m deploy.grafana.scene --store $(STORE) --checkpoints $(BUILD)/checkpoints \
	    --cache $(BUILD)/cache --out docs/dashboards

clean: ## Remove what was built and installed, the demo models included
	rm -rf $(VENV) $(BUILD) $(DEMO:%=$(STORE)/%) $(DEMO_ZH:%=$(STORE)/%) *.egg-info .mypy_cache .ruff_cache .pytest_cache
