# Each target sets up what it needs; run it on a fresh Debian 12 or 13 as root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
PYTHON := $(VENV)/bin/python
# Without bytecode each of the hundreds of processes that the tests start would compile itself anew.
unexport PYTHONDONTWRITEBYTECODE
# What mypy found out of a file holds wherever it lies, so each fresh checkout begins with what the one before knew.
export MYPY_CACHE_DIR ?= $(or $(FAIRLEAD_CACHE),$(HOME)/.cache/fairlead)/mypy
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
PROTO_FILES = $(sort $(shell cd proto && find fairlead -name '*.proto'))
PROTOC = $(abspath $(PYTHON)) -m grpc_tools.protoc -I .

.PHONY: lab lab-down lab-engine test test-engine test-all check proto constraints bench clean help

help:            ## Lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 18

lab: $(VENV)/ready        ## A real cluster on three lab servers, and a pod in it
	fairlead lab up

lab-down: $(VENV)/ready   ## Removes all that `make lab` made
	fairlead lab down

lab-engine: $(VENV)/ready ## A Docker Engine for the tests, where none answers
	python -m fairlead_cli.lab.engine up

# What `test` runs; `test-all` runs the same with more of everything, and then what takes longer.
UNITS = not long and not engine
UNIT_SECONDS = 120
PROFILE = quick
SCHEDULES = 500

# Tests on the Engine mostly wait for it, so the checks run beside them.
test: $(VENV)/ready       ## All checks and tests, on real Docker and real Kubernetes
	$(MAKE) --no-print-directory -j 2 check test-engine
	HYPOTHESIS_PROFILE=$(PROFILE) timeout 5400 pytest -n 2 --dist loadfile --timeout $(UNIT_SECONDS) -m '$(UNITS)' \
	  tests/unit tests/contract tests/integration
	FAIRLEAD_SCHEDULES=$(SCHEDULES) timeout 5400 pytest tests/simulation
	timeout 3600 pytest -m 'not long' --durations 20 tests/end_to_end --ignore tests/end_to_end/faults
	fairlead lab down

test-engine: lab-engine
	deploy/test-packages.sh
	fairlead images build
	timeout 1500 pytest -m 'engine and not long' tests/unit tests/contract tests/integration

test-all: UNITS = not engine
test-all: UNIT_SECONDS = 1200
test-all: PROFILE = long
test-all: SCHEDULES = 10000
test-all: test            ## `make test` with 10,000 simulated schedules, and what takes longer: faults, every command
	timeout 1500 pytest -m 'engine and long' tests/unit tests/contract tests/integration
	timeout 5400 pytest -m long tests/end_to_end --ignore tests/end_to_end/faults
	timeout 5400 pytest tests/end_to_end/faults

check: $(VENV)/ready      ## Style, types, layers, wire format
	ruff check .
	ruff format --check .
	mypy proto/fairlead_wire controller agent cli tests
	lint-imports
	buf lint proto
	python deploy/check_generated.py
	python deploy/check_constraints.py

bench: lab-engine        ## Measures the budgets on a lab of its own and rewrites docs/benchmarks.md
	PYTHONPATH=tests timeout 3600 python -m benchmarks

proto: $(VENV)/ready      ## Remakes the generated modules beside the .proto files
	cd proto && $(PROTOC) --python_out=. --mypy_out=quiet:. --grpc_python_out=. --mypy_grpc_out=quiet:. $(PROTO_FILES)

constraints: $(VENV)/ready ## Remakes constraints.txt from pyproject.toml
	python -m venv build/uv && build/uv/bin/pip -q install uv
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-header --upgrade pyproject.toml -o constraints.txt

clean:            ## Removes the virtual environment and build results (not the cache outside the checkout)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/ready: pyproject.toml constraints.txt deploy/environment.sh
	deploy/environment.sh $(VENV)
	touch $@
