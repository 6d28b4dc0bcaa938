# Two commands do everything: `make demo` and `make test`. Both set up .venv first and install nothing outside the clone.
.DEFAULT_GOAL := help
.PHONY: help demo test venv checks lint types contracts unit examples format manifests clean

PYTHON ?= python3
JOBS ?= $(shell echo $$(( $$(nproc) + ($$(nproc) + 1) / 2 )))
VENV := .venv
BIN := $(VENV)/bin
EXAMPLES := $(patsubst %/pyproject.toml,%,$(wildcard plugins-examples/*/pyproject.toml))
PIP := $(BIN)/pip --disable-pip-version-check --quiet

help:  ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: venv  ## walk the user guide in a cluster in a box, with proofs
	@$(BIN)/porter lab tutorial

test: venv  ## lint, types, layer contracts, and all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target checks
	@$(MAKE) --no-print-directory unit

checks: lint types contracts examples

venv: $(VENV)/.installed  ## make .venv with Porter and all that it needs

$(VENV)/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Porter needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Choose another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments (Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[lab,postgresql,test]'
	@$(BIN)/python -m compileall -q porter
	@touch $@

lint: venv  ## style, and whether the code is formatted
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: venv  ## static types
	$(BIN)/mypy

contracts: venv  ## which part may import which
	$(BIN)/lint-imports --no-cache

examples: venv  ## install the example plugins, each beside Porter, and run their own tests
	@for example in $(EXAMPLES); do \
	  place="$(CURDIR)/$(VENV)/$$example"; rm -rf "$$place"; echo "$$example"; \
	  $(PIP) install --no-deps --target "$$place" "./$$example" && \
	  (cd "$$example" && PYTHONPATH="$$place" "$(CURDIR)/$(BIN)/pytest" -q) || exit 1; \
	done

# Most tests wait for a network or a clock, so half as many again run at a time as there are cores; those of one file
# stay together and in order. By itself xdist would begin with the files of many tests, and end with one worker alone in
# those of few and long ones.
unit: venv  ## all tests of Porter itself
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

format: venv  ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

manifests: venv  ## write deploy/porter.yaml anew
	$(BIN)/porter manifests > deploy/porter.yaml

clean:  ## take away .venv and what the tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
