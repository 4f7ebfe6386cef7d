# `make` alone lists what there is. Everything is installed inside this folder: .venv/, .cache/, .kafka/.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Much of the tests is waiting: for sessions that end, for brokers that come back.
PROCESSES ?= 2
INSTALLED := .venv/.installed
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Make .venv and install everything into it (again only when the requirements changed)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: setup ## Watch a few hundred synthetic settlements being adjudicated (ARGS="--seed 7")
	$(BIN)/petct demo $(ARGS)

.PHONY: test
test: setup ## Run all tests; those on a real Kafka need Java 17 and Maven (REQUIRE_KAFKA=1: their absence fails)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile $(ARGS)

.PHONY: test-fast
test-fast: setup ## Run the tests that need neither a real Kafka nor much time
	$(BIN)/python -m pytest -m "not real_kafka and not slow" $(ARGS)

.PHONY: test-replay-long
test-replay-long: setup ## Run the replay of 200,000 events, killed three times, against one that was not (some minutes)
	PETCT_LONG_TESTS=1 REQUIRE_KAFKA=1 $(BIN)/python -m pytest tests/broker/test_replay.py -k killed_three_times -s $(ARGS)

.PHONY: test-faults
test-faults: setup ## Run the long form of the fault suite, and write what it showed into docs/reliability.md (half an hour)
	PETCT_LONG_TESTS=1 REQUIRE_KAFKA=1 $(BIN)/python -m pytest tests/faults -s --ignore tests/faults/test_soak.py $(ARGS)

.PHONY: test-soak
test-soak: setup ## Run the worker for 20 minutes under load and faults, and see whether it grows
	PETCT_LONG_TESTS=1 PETCT_SOAK_SECONDS=$${PETCT_SOAK_SECONDS:-1200} REQUIRE_KAFKA=1 $(BIN)/python -m pytest tests/faults/test_soak.py -s $(ARGS)

.PHONY: lint
lint: setup ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: setup ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: setup ## Measure the worker against a plain consumer, a dry run against it, and surveillance, on a real Kafka
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench.dry_run
	$(BIN)/python -m tests.bench.surveillance

.PHONY: bench-overhead
bench-overhead: setup ## Measure what the metrics cost: the worker with and without them, in turns (some minutes)
	$(BIN)/python -m tests.bench.overhead $(ARGS)

.PHONY: bench-board
bench-board: setup ## Measure what docs/board.md says of 200,000 disclosures, and write it (some ten minutes)
	$(BIN)/python -m tests.bench.board --write $(ARGS)

.PHONY: test-board-long
test-board-long: setup ## Kill settle and watch at random for a minute, and compare the lists with those computed offline
	PETCT_LONG_TESTS=1 REQUIRE_KAFKA=1 $(BIN)/python -m pytest tests/broker/test_board_faults.py -k killed_at_random -s $(ARGS)

.PHONY: bench-surveillance
bench-surveillance: setup ## Measure surveillance over a year of 1,000,000 settlements, and write it into docs/surveillance.md
	$(BIN)/python -m tests.bench.surveillance --write $(ARGS)

.PHONY: test-year
test-year: setup ## Judge a whole year with planted abuse and innocents, and write into docs/surveillance.md what was found
	PETCT_LONG_TESTS=1 $(BIN)/python -m pytest tests/unit/surveillance/test_year.py -k whole_year_all -s $(ARGS)

.PHONY: bench-capacity
bench-capacity: setup ## Measure what docs/capacity.md says, and write it (about fifteen minutes)
	$(BIN)/python -m tests.bench.capacity $(ARGS)

.PHONY: ops-demo
ops-demo: setup ## Run Kafka, workers, watch, load and Prometheus with the rules until Ctrl-C (ARGS="--rate 500")
	$(BIN)/python -m ops.demo $(ARGS)

.PHONY: kafka-up
kafka-up: setup ## Start a real Kafka of one node and print its address (KAFKA_PORT=9092 chooses the port)
	@$(BIN)/python -m ops.kafka.broker up

.PHONY: kafka-down
kafka-down: setup ## Stop it; its data stays in .kafka/
	@$(BIN)/python -m ops.kafka.broker down

.PHONY: wheel
wheel: setup ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

SITE := dist/site
.PHONY: docs
docs: setup ## Build the documentation site into dist/site/; a link that leads nowhere fails
	@rm -rf $(SITE)
	$(BIN)/python -m sphinx -b html -W --keep-going -q -c docs -d .cache/sphinx . $(SITE)
	@echo "built $(SITE)/index.html"

.PHONY: docs-serve
docs-serve: docs ## Build the site and serve it on http://127.0.0.1:8000 (DOCS_PORT=8000 chooses the port)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) $${DOCS_PORT:-8000}

.PHONY: wheel-compiled
wheel-compiled: setup ## Build the wheel with compiled modules into dist/: it decides in about half the time (needs a C compiler)
	HATCH_BUILD_HOOKS_ENABLE=1 $(BIN)/python -m build --wheel --no-isolation

SUPPLY := .cache/supply
$(SUPPLY)/.installed: ops/supply/requirements.txt
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/python $(PIP) --requirement ops/supply/requirements.txt
	@touch $@

.PHONY: sbom
sbom: setup $(SUPPLY)/.installed ## Write dist/sbom.cdx.json: all that is installed, as CycloneDX
	@mkdir -p dist
	$(SUPPLY)/bin/cyclonedx-py environment .venv --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file dist/sbom.cdx.json
	@echo "wrote dist/sbom.cdx.json"

.PHONY: audit
audit: setup $(SUPPLY)/.installed ## Look for known vulnerabilities (REQUIRE_AUDIT=1: an unreachable service fails)
	$(BIN)/python -m ops.supply.audit $(SUPPLY)/bin/pip-audit

.PHONY: constraints
constraints: ## Write constraints.txt anew, from the newest versions that pyproject.toml allows
	rm -rf .cache/constraints && $(PYTHON) -m venv .cache/constraints
	.cache/constraints/bin/python $(PIP) --editable '.[dev]'
	sed -n '/^#/p' constraints.txt > .cache/constraints.txt
	.cache/constraints/bin/python -m pip freeze --exclude-editable >> .cache/constraints.txt
	mv .cache/constraints.txt constraints.txt

.PHONY: clean
clean: ## Remove what was installed, built or kept here (stops the Kafka of kafka-up)
	@test ! -d .kafka || test ! -x $(BIN)/python || $(BIN)/python -m ops.kafka.broker down
	rm -rf .venv .cache .kafka build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
