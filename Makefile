SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ENGINE ?= podman
SERVICES ?= queue processor notifier gateway
SBOM ?= build/sbom
PROTOS := $(shell find protos/clipferry -name '*.proto' 2>/dev/null | sort)
CODE := services gateway cli sandbox tests

.PHONY: help run test lint format types imports proto proto-check images sbom test-containers test-kube bench mutants chaos soak simulate check rotate-keys queue-status memory-status health-check pictures documents lock clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp for the whole environment: it is made again when the lock file or the project file changes.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("clipferry needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# As it was typed: neither make nor the shell may read a ' or a $ in it.
run: export CLIPFERRY_RUN_URL = $(value URL)
run: $(VENV)/.installed ## Start everything and deliver the sample page (ONCE=1: stop after it; URL=…: another page)
	@exec $(BIN)/python -m sandbox.run $(if $(ONCE),--once) $(if $(value URL),--url "$$CLIPFERRY_RUN_URL")

test: $(VENV)/.installed ## All tests; those that need more than Python and make skip with a reason
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/containers --ignore tests/kube

images: ## Build the four images (ENGINE=podman, BUILD=… further arguments of its build)
	@for service in $(SERVICES); do \
	  $(ENGINE) build $(BUILD) --build-arg SERVICE=$$service -t localhost/clipferry/$$service:dev .; \
	done

sbom: $(VENV)/.installed ## Write what each image is made of, as CycloneDX, to SBOM=build/sbom (after make images)
	@mkdir -p $(SBOM) && folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT; \
	for service in $(SERVICES); do \
	  $(ENGINE) save --quiet -o "$$folder/$$service.tar" localhost/clipferry/$$service:dev; \
	  $(BIN)/syft scan --quiet "docker-archive:$$folder/$$service.tar" -o "cyclonedx-json=$(SBOM)/$$service.json"; \
	  rm "$$folder/$$service.tar"; \
	done

test-containers: $(VENV)/.installed ## The images and the whole trip in containers (podman, as root)
	$(BIN)/python -m pytest tests/containers

test-kube: $(VENV)/.installed ## Rollout, drain, kill and scale in the cluster that KUBECONFIG names
	$(BIN)/python -m pytest tests/kube

check: lint types imports proto-check test ## Everything that CI runs

lint: $(VENV)/.installed ## ruff check, ruff format --check, buf lint
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	cd protos && ../$(BIN)/buf lint

format: $(VENV)/.installed ## Let ruff write the code as lint wants it
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

types: $(VENV)/.installed ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.installed ## Which package may import which (contracts in pyproject.toml)
	$(BIN)/lint-imports

proto: $(VENV)/.installed ## Regenerate protos/gen from protos/clipferry
	@rm -rf protos/gen && mkdir -p protos/gen
	@$(BIN)/python -m grpc_tools.protoc -I protos -I protos/vendor \
	  --python_out=protos/gen --pyi_out=protos/gen --grpc_python_out=protos/gen $(PROTOS)
	@find protos/gen/clipferry -type d -exec touch {}/__init__.py \;

proto-check: proto ## Fail if protos/gen is stale
	@test -z "$$(git status --porcelain protos/gen)" || { git status --short protos/gen; echo "protos/gen is stale: run 'make proto' and commit"; exit 1; }

bench: $(VENV)/.installed ## Speed and memory beside others (ONLY=F1: a row; ONLY=fan-out: an area; PAGE=1: write docs/goals.md)
	$(BIN)/python -m tests.bench $(if $(ONLY),--only '$(ONLY)') $(if $(PAGE),--page)

mutants: $(VENV)/.installed ## Break the fencing rules one by one: the tests must see each
	$(BIN)/python -m tests.mutants

chaos: $(VENV)/.installed ## Kill services at random over a stream of jobs (JOBS=1000, POSTGRES=1): none lost, none doubled
	$(BIN)/python -m tests.processes.chaos --jobs $(or $(JOBS),1000) $(if $(POSTGRES),--postgres)

simulate: $(VENV)/.installed ## The real queue at 1 to 1,000 processors on a clock moved by hand (SEED=1): writes docs/growth.md
	$(BIN)/python -m tests.simulation --seed $(or $(SEED),1)

soak: $(VENV)/.installed ## A stream of jobs and clients that come back (MINUTES=10): what grows meanwhile; fails if anything does
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10)

rotate-keys: $(VENV)/.installed ## Sign access tokens with a new key, at every running gateway of the store
	@$(BIN)/python -m gateway rotate-keys

queue-status: $(VENV)/.installed ## The queue's statistics of a running clipferry
	@$(BIN)/clipferry queue-status

memory-status: $(VENV)/.installed ## The memory statistics of a running clipferry
	@$(BIN)/clipferry memory-status

health-check: $(VENV)/.installed ## Whether a running clipferry is healthy; fails if not
	@$(BIN)/clipferry health

# A terminal is forked beside running gRPC, whose own care for forks then breaks its connections now and then.
pictures: export GRPC_ENABLE_FORK_SUPPORT := 0
pictures: $(VENV)/.installed ## Take the pictures of dashboard, extension and terminal that the documents show (needs chromium)
	@$(BIN)/python -m tests.browser.pictures

documents: $(VENV)/.installed ## Write .env.example and docs/reasons.md from the code
	$(BIN)/python -m tests.documents

lock: ## Pin everything that pyproject.toml's pins need
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --quiet -o requirements.lock
	@for service in $(SERVICES); do \
	  $(BIN)/uv pip compile pyproject.toml --extra $$service --universal --python-version 3.11 --generate-hashes \
	    --constraint requirements.lock --no-emit-index-url --no-annotate --quiet -o deploy/locks/$$service.lock; \
	done

clean: $(VENV)/.installed ## Remove tmpfs directories of dead runs and caches; never data
	@$(BIN)/python -m services.processor.clean
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build
	@find $(wildcard $(CODE) protos/gen) -name __pycache__ -type d -prune -exec rm -rf {} +
