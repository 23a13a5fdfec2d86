# Everything a contributor does here is a target: `make` lists them.
# Only make and Python 3.11 or newer are needed; all else goes into .venv.
#
#   make run  ARGS="--port 9000"      arguments for the program
#   make test ARGS="-k name"
#   make test PYTHON=/path/to/python  a certain Python (after `make clean`)

PYTHON ?=
ARGS   ?=

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python

CODE   := soapsvc $(wildcard tests) $(wildcard bench)
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
          --generate-hashes --no-emit-index-url --no-header
LOCKED := requirements/build.txt requirements/run.txt requirements/dev.txt

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check format format-check lint types arrows test-clients prove bench bench-postgresql bench-walk bench-sign-in bench-memory bench-startup bench-timers bench-lists bench-rest lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/stamp-run ## install what the service needs and start it with demonstration data
	@$(BIN)/soapsvc serve --demo $(ARGS)

# Each process of the tests has databases and servers of its own; more than four would be in each other's way.
test: $(VENV)/stamp-dev ## run the tests, in up to four processes
	@$(PY) -m pytest --numprocesses logical --maxprocesses 4 $(ARGS)

check: format-check lint types arrows test ## everything a change must pass

format: $(VENV)/stamp-dev ## put the code into its form
	@$(BIN)/ruff check --quiet --select I --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

format-check: $(VENV)/stamp-dev ## is the code in its form?
	@$(BIN)/ruff format --check $(CODE)

lint: $(VENV)/stamp-dev ## look for mistakes
	@$(BIN)/ruff check $(CODE)

types: $(VENV)/stamp-dev ## check the types
	@$(BIN)/mypy

arrows: $(VENV)/stamp-dev ## check which module may import which
	@$(BIN)/lint-imports --no-logo

test-clients: $(VENV)/stamp-dev ## call the service with clients of other makes
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/clients/run $(ARGS)

prove: $(VENV)/stamp-dev ## prove that nothing acknowledged is lost, and compare with a model: about half an hour
	@SOAPSVC_PROOF=long $(PY) -m pytest tests/proof tests/acceptance/test_against_a_model.py tests/acceptance/test_killed_at_every_step.py --timeout 900 -s -v $(ARGS)

bench: $(VENV)/stamp-dev ## race against services made with other SOAP stacks, and verify
	@$(PY) -m bench.race $(ARGS)

bench-postgresql: $(VENV)/stamp-dev ## race two nodes on PostgreSQL against pgbench, and verify
	@$(PY) -m bench.postgresql $(ARGS)

bench-walk: $(VENV)/stamp-dev ## what does each stage of a request take?
	@$(PY) -m bench.walk $(ARGS)

bench-sign-in: $(VENV)/stamp-dev ## what does it cost to prove who calls?
	@$(PY) -m bench.sign_in $(ARGS)

bench-memory: $(VENV)/stamp-dev ## does memory grow over a million requests?
	@$(PY) -m bench.memory $(ARGS)

bench-startup: $(VENV)/stamp-dev ## how long until the service answers
	@$(PY) -m bench.startup

bench-timers: $(VENV)/stamp-dev ## how long 100,000 hidden items take to come back
	@$(PY) -m bench.timers $(ARGS)

bench-lists: $(VENV)/stamp-dev ## how long a page of a work list takes among a million items
	@$(PY) -m bench.lists $(ARGS)

bench-rest: $(VENV)/stamp-dev ## how soon a save is answered, and what those who wait cost SOAP calls
	@$(PY) -m bench.rest $(ARGS)

# `make lock UPGRADE=` keeps the pins that still fit and changes only what it must.
UPGRADE ?= --upgrade

lock: $(VENV)/stamp-dev ## pin the newest dependencies setup.cfg and pyproject.toml allow
	@echo "Resolving the dependencies for all systems ..."
	@$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	    > $(VENV)/build.in
	@$(LOCK) $(UPGRADE) --no-annotate --output-file requirements/build.txt $(VENV)/build.in > /dev/null
	@$(LOCK) $(UPGRADE) --build-constraint requirements/build.txt \
	    --output-file requirements/run.txt setup.cfg > /dev/null
	@$(LOCK) $(UPGRADE) --build-constraint requirements/build.txt --constraint requirements/run.txt \
	    --extra dev --output-file requirements/dev.txt setup.cfg > /dev/null
	@for file in $(LOCKED); do \
	    { printf '# %s\n' 'Pinned by machine from setup.cfg and pyproject.toml, for Python 3.11 and newer on' \
	          'every system. Do not edit: change the bounds there and renew with "make lock".' && \
	      grep -v '^#' "$$file"; } > "$$file.new" && mv "$$file.new" "$$file" || exit 1; \
	done
	@echo "Renewed $(LOCKED)"

clean: ## remove the environment and everything built
	@rm -rf $(VENV) bench/.build build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find soapsvc tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The environment grows in three steps; each is done again when what it was made of changes.

$(VENV)/stamp-venv:
	@found= ; bare= ; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3.14 python3.13 python3.12 python3.11 python3 python); do \
	    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 || continue; \
	    "$$candidate" -c 'import venv, ensurepip' > /dev/null 2>&1 || { bare="$${bare:-$$candidate}"; continue; }; \
	    found="$$candidate"; break; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	    echo "$$bare cannot create virtual environments: its modules venv and ensurepip are missing (on Debian and Ubuntu, install the package python3-venv)." >&2; \
	    exit 1; \
	elif [ -z "$$found" ]; then \
	    echo "$(if $(PYTHON),PYTHON=$(PYTHON) is not,There is no) Python 3.11 or newer$(if $(PYTHON),, on the PATH); install one, or name it: make PYTHON=/path/to/python3 ..." >&2; \
	    exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

$(VENV)/stamp-run: $(VENV)/stamp-venv requirements/build.txt requirements/run.txt setup.cfg pyproject.toml
	@echo "Installing what the service needs (requirements/run.txt) ..."
	@$(PY) -m pip install --quiet --require-hashes -r requirements/build.txt
	@$(PY) -m pip install --quiet --no-build-isolation --use-pep517 --require-hashes -r requirements/run.txt
	@$(PY) -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/stamp-dev: $(VENV)/stamp-run requirements/dev.txt
	@echo "Installing what tests and checks need (requirements/dev.txt) ..."
	@$(PY) -m pip install --quiet --no-build-isolation --use-pep517 --require-hashes -r requirements/dev.txt
	@touch $@
