# Two commands set everything up: `make demo` and `make test`. Both go through `make setup`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-contract test-integration test-packaging test-spark4 lint check format reference contracts accessibility bench bench-smoke synth package docs airflow-setup rehearse lock lock-deploy clean

help: ## Show this list
	@grep -hE '^[a-z0-9 -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.ready ## Install everything into .venv (done by demo and test)

# Run a command of uv and show what it tells, without the line for each library. Ends as the command does: sh has no pipefail.
define told
{ $(1); echo "exit $$?"; } 2>&1 | awk '/^exit [0-9]+$$/ {code = $$2; next} /^ [+~-] / {next} {print "  " $$0; fflush()} END {exit code}'
endef

# moodstream.py too: an editable installation copies this one file.
$(VENV)/.ready: requirements.lock requirements/bootstrap.lock requirements/jars.lock pyproject.toml moodstream.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "moodstream needs Python 3.11; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Install it, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "could not make a virtual environment: install the venv module of Python 3.11 (Debian: apt-get install python3.11-venv)" >&2; exit 2; }
	@echo "setting up .venv: a minute or two, and the first time as long as 1 GB takes to download"
	@echo "1 of 4: the installer"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@echo "2 of 4: the libraries"
	@$(call told,$(BIN)/uv pip sync --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@echo "3 of 4: the jars that Spark needs"
	@$(BIN)/python -m deploy.local.jars
	@echo "4 of 4: texts to train a model on"
	@$(BIN)/python -m deploy.local.datasets
	@touch $@

demo: setup ## Run the whole system on this machine, live: make demo ARGS="--rate 500"
	@$(BIN)/moodstream demo $(ARGS)

test: setup ## Run the whole test suite
	@$(BIN)/python -m pytest $(ARGS)

test-unit test-contract test-integration test-packaging: test-%: setup ## Run one tier of the tests
	@$(BIN)/python -m pytest tests/$* $(ARGS)

# The Spark of EMR 8 beside that of EMR 7: the tests from bronze on, in an environment of its own. CI does not run it.
SPARK4 := .cache/spark4

test-spark4: $(SPARK4)/.ready ## Run the unit and integration tests on Spark 4.0 (docs/deploy/spark-versions.md)
	@$(SPARK4)/bin/uv pip install --quiet --python $(SPARK4)/bin/python --no-deps --no-build-isolation -e .
	@$(SPARK4)/bin/python -m deploy.local.jars
	@$(SPARK4)/bin/python -m deploy.local.datasets
	@$(SPARK4)/bin/python -m pytest $(or $(TESTS),tests/unit tests/integration) $(ARGS)

lint: setup ## Check style, types, import directions and dependencies
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/deptry .

format: setup ## Rewrite the code in the project's format
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

reference: setup ## Write docs/reference, docs/contracts and docs/data-dictionary.md from the code
	@$(BIN)/python -m docs.generate

check: lint test ## Everything that CI runs

accessibility: setup ## Test the dashboard in a real browser: axe-core on every page, and the keyboard alone (needs Chromium)
	@command -v chromium >/dev/null || { echo "accessibility: there is no chromium here (Debian: apt-get install chromium)" >&2; exit 2; }
	@$(BIN)/python -m pytest tests/integration/test_dashboard_browser.py $(ARGS)

bench: setup ## Measure the figures of docs/benchmarks.md: make bench ARGS="scoring --json"
	@$(BIN)/moodstream bench $(ARGS)

bench-smoke: setup ## Every measurement in its smallest form, and two ratios beside an older commit: make bench-smoke ARGS="refine growth"
	@$(BIN)/python -m harness.bench.smoke $(ARGS)

# Where a version with an encoder is to serve on AWS: make lock-deploy EXTRAS="--extra encoder".
EXTRAS ?=

# CDK, Airflow, the documentation site, the checks of contracts and the tests on Spark 4 need other versions than the
# application: each has an environment of its own.
INFRA     := .cache/infra
AIRFLOW   := .cache/airflow
DOCS      := .cache/docs
CONTRACTS := .cache/contracts

$(INFRA)/.ready $(AIRFLOW)/.ready $(DOCS)/.ready $(CONTRACTS)/.ready $(SPARK4)/.ready: .cache/%/.ready: requirements/%.lock requirements/bootstrap.lock
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@$(@D)/bin/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r requirements/$*.lock
	@touch $@

contracts: setup $(CONTRACTS)/.ready ## Check the data contracts, and events or a lake against them: make contracts ARGS="--lake DIR"
	@$(BIN)/python -m harness.contracts $(ARGS)

synth: $(INFRA)/.ready ## Write the CloudFormation templates to build/templates (no AWS account needed)
	@$(INFRA)/bin/python -m deploy.infra.app $(ARGS)

package: $(INFRA)/.ready ## Build the files that are uploaded to AWS into build/dist; the quick part alone: make package ARGS=--no-archive
	@$(INFRA)/bin/python -m deploy.package $(ARGS)

docs: $(DOCS)/.ready ## Build the documentation site into build/site
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict $(ARGS)

airflow-setup: $(AIRFLOW)/.ready ## Install Airflow 3.0.6 for the tests of the DAGs

rehearse: setup airflow-setup ## Test before a deployment: the packaged job on S3 and as on AWS, retraining, broken models, an encoder, operations, resharding (an hour)
	@$(BIN)/python -m pytest tests/packaging/rehearse_release.py tests/packaging/rehearse_as_on_aws.py \
	  tests/packaging/rehearse_retraining.py \
	  tests/packaging/rehearse_models.py tests/packaging/rehearse_encoder.py tests/packaging/rehearse_recorded_calls.py tests/integration/rehearse_resharding.py \
	  tests/integration/rehearse_operations.py tests/integration/rehearse_twin_jobs.py \
	  tests/integration/rehearse_connect_rate.py tests/integration/rehearse_dashboard_size.py $(ARGS)

lock-deploy: ## Resolve the locks of CDK, Airflow, the documentation site, the contracts, the deployed archives, the container and Spark 4 again, after `make lock`
	@cp requirements.lock requirements/spark4.lock # what is there is kept, so that the two differ in Spark alone
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --group dev --overrides requirements/spark4.in pyproject.toml -o requirements/spark4.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/infra.in -o requirements/infra.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/docs.in -o requirements/docs.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  requirements/contracts.in -o requirements/contracts.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --exclude-newer 2025-10-15 requirements/airflow.in -o requirements/airflow.lock
	@for pair in "streaming:--extra streaming $(EXTRAS)" "training:--extra streaming --extra model $(EXTRAS)"; do \
	  $(BIN)/uv pip compile --quiet --python-platform x86_64-manylinux_2_28 --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate -c requirements.lock $${pair#*:} pyproject.toml requirements/aws.in \
	    -o requirements/$${pair%%:*}-environment.lock; done
	@$(BIN)/uv pip compile --quiet --python-platform x86_64-manylinux_2_28 --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate -c requirements.lock --extra connect pyproject.toml -o requirements/connect-environment.lock
	@$(BIN)/uv pip compile --quiet --python-platform x86_64-manylinux_2_28 --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate -c requirements.lock --extra dashboard pyproject.toml -o requirements/dashboard-environment.lock

lock: ## Resolve requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --group dev pyproject.toml -o requirements.lock

clean: ## Remove everything that was built or installed
	@rm -rf $(VENV) .jars .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
