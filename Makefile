# Every target works on a fresh clone with Python 3.11 and make; uv is used where it is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help venv test kubectls check format demo bench soak lock schemas clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

venv: $(READY)

$(READY): pyproject.toml requirements/dev.txt
	@echo "Installing into $(VENV) (once; half a minute or more) ..."
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV) && \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet --compile-bytecode -r requirements/dev.txt && \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-deps --no-build-isolation -e . ; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@$(BIN)/python -m compileall -q src
	@touch $@

test: $(READY) kubectls ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

kubectls: $(READY) ## fetch the kubectl versions that tests drive
	@$(BIN)/python scripts/fetch_kubectl.py

check: $(READY) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: $(READY) ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(READY) ## the quick start, end to end, with a live view
	$(BIN)/shoal demo

bench: $(READY) ## measure; JSON to stdout
	$(BIN)/python -m tests.bench

soak: $(READY) ## long runs
	$(BIN)/python -m pytest -m soak

lock: $(READY) ## pin the versions of requirements/dev.txt anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra cluster --group dev \
		pyproject.toml -o requirements/dev.txt

schemas: $(READY) ## make the API server's schema tables anew from kubernetes-validate
	$(BIN)/python scripts/make_schemas.py

clean: ## remove what make made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache
