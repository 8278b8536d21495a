# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A process for each core, and a thread for each process: small networks gain nothing from more.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist worksteal

.PHONY: demo test quick gates matrix lock clean

demo: ## Set up and run the quickstart; when it has run, show what it found.
	@sh tools/setup.sh $(PYTHON) $(VENV) requirements.txt
	@$(BIN)/tightfit run studies/quickstart.toml

test: ## Set up, then the gates, the quick and the slow tests.
	@sh tools/setup.sh $(PYTHON) $(VENV) requirements-dev.txt
	@sh tools/install_browser.sh
	@$(MAKE) --no-print-directory gates
	$(BIN)/coverage erase
	$(PYTEST) -m "not matrix" --cov --cov-report=term

quick: ## The quick tests alone, without coverage.
	$(PYTEST) -m "not slow and not matrix"

gates: ## Format, lint, types, floors.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

matrix: ## Everything, for hours; an interrupted run goes on.
	@sh tools/setup.sh $(PYTHON) $(VENV) requirements-dev.txt
	@sh tools/install_browser.sh
	$(BIN)/python tools/matrix.py

lock: ## Write the locked versions anew from what is installed in $(VENV).
	$(BIN)/python tools/lock.py

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* .mypy_cache .ruff_cache .pytest_cache
