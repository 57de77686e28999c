# The only interface of the project: `make help` lists it. Everything runs from .venv, nothing from the machine but python3 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
SUPPLY := $(VENV)/supply
SERVICES := src/maillage/services
DEMO_ARGS ?=
SIDE_BY_SIDE := -n $(shell nproc 2>/dev/null || echo 2) --maxprocesses 4 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long lint check docs lock clean new-service bench-main-job bench-store bench-fhir bench-rights bench-growth bench-history bench-audit bench-files bench-sign-in bench-coordination sbom audit

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

$(STAMPS)/python: requirements/bootstrap.txt requirements/develop.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/develop.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: package-lock.json $(STAMPS)/python
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm ci --silent
	@touch $@

$(STAMPS)/definitions: $(STAMPS)/node $(wildcard src/maillage/fhir/definitions/*.py)
	@if [ -f src/maillage/fhir/definitions/build.py ]; then $(BIN)/python -m maillage.fhir.definitions.build; fi
	@touch $@

$(STAMPS)/static: $(STAMPS)/node $(wildcard src/maillage/ui/build.py src/maillage/ui/static/*) $(shell find src/maillage -name '*.html')
	@if [ -f src/maillage/ui/build.py ]; then $(BIN)/python -m maillage.ui.build; fi
	@touch $@

# Bytecode is made here, as some machines keep Python from writing it: every start would compile all that it imports.
setup: $(STAMPS)/definitions $(STAMPS)/static ## make .venv and all that the product needs
	@$(BIN)/python -m compileall -q src

# Tools that look at the product from outside stand beside it, not in it.
$(STAMPS)/supply: requirements/audit.txt $(STAMPS)/python
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SUPPLY)
	@$(BIN)/uv pip install --quiet --python $(SUPPLY)/bin/python --require-hashes -r requirements/audit.txt
	@touch $@

sbom: $(STAMPS)/supply $(STAMPS)/node ## what the product is made of, from the locks, as CycloneDX in sbom/
	@mkdir -p sbom
	@$(SUPPLY)/bin/cyclonedx-py requirements requirements/runtime.txt --output-reproducible --output-format JSON --output-file sbom/python.cdx.json
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm sbom --sbom-format cyclonedx --package-lock-only > sbom/node.cdx.json

audit: $(STAMPS)/supply $(STAMPS)/node ## whether a locked package is known to be weak (asks the network: to be run each night)
	@$(SUPPLY)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements/runtime.txt
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm audit --package-lock-only

demo: setup ## a whole synthetic territory: web, worker, MLLP, emulators
	@$(BIN)/maillage demo $(DEMO_ARGS)

test: setup ## the test suite (samples of the long ones)
	@$(BIN)/pytest -q $(SIDE_BY_SIDE)

test-long: setup ## every test, the long ones whole
	@$(BIN)/pytest -q $(SIDE_BY_SIDE) -m 'long or not long'

lint: setup $(STAMPS)/supply ## style, types, layers, architecture
	@$(BIN)/ruff check src tests bench tools
	@$(BIN)/ruff format --check src tests bench tools
	@$(BIN)/mypy
	@PYTHONPATH=src $(SUPPLY)/bin/lint-imports --no-cache
	@$(BIN)/pytest -q tests/architecture

check: lint ## what CI runs besides the tests
	@$(BIN)/python tools/reference.py --check

docs: setup ## generate the reference documentation
	@$(BIN)/python tools/reference.py

lock: $(STAMPS)/python ## refresh the locks (versions and hashes only)
	@for name in bootstrap runtime develop audit; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header \
	  --universal --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt; done
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm install --package-lock-only --silent

new-service: setup ## make new-service NAME=telehealth: the empty rooms of a service
	@$(BIN)/python tools/new_service.py $(NAME)

bench-main-job: setup ## letters per second, latencies, memory of the main job
	@$(BIN)/python -m bench.main_job

bench-store: setup ## reads and writes of the store against the raw limits
	@$(BIN)/python -m bench.store

bench-fhir: setup ## every row of the engine's bounds over HTTP, with access and audit on
	@$(BIN)/python -m bench.fhir

bench-rights: setup ## what rights and the trail cost, against the store beneath, in one run
	@$(BIN)/python -m bench.rights

bench-growth: setup ## whether searches stay flat from 10,000 patients to 640,000, and the directory case
	@$(BIN)/python -m bench.directory
	@$(BIN)/python -m bench.growth

bench-history: setup ## whether versions and deletes slow current reads
	@$(BIN)/python -m bench.history

bench-audit: setup ## entries of the trail verified a second, against COPY and SHA-256
	@$(BIN)/python -m bench.audit

bench-files: setup ## what sealing documents costs
	@$(BIN)/python -m bench.files

bench-coordination: setup ## messages delivered, streams held open, the pages of the desk as the region grows
	@$(BIN)/python -m bench.coordination

bench-pathways: setup ## the page of a long questionnaire, and an answer to it
	@$(BIN)/python -m bench.pathways

bench-sign-in: setup ## how long a sign-in keeps somebody waiting
	@$(BIN)/python -m bench.sign_in

clean: ## remove what setup and demo made
	rm -rf $(VENV) node_modules .maillage sbom src/maillage/ui/static/build src/maillage/fhir/definitions/generated
