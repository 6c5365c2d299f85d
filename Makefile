# Needs Python 3.11, 3.12 or 3.13 with pip. Everything is installed into .venv; `make clean` removes it.
PYTHON ?= python3
AIRFLOW := 3.3.2
# The Airflow of `make chaos` and `make browser`; all but AIRFLOW for the latter have environments of their own.
VERSION := $(AIRFLOW)
CHAOS = .ci/.venvs/chaos-$(VERSION)

VENV := .venv
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
READY := $(VENV)/.ready-$(AIRFLOW)-python$(MINOR)
BROWSER := $(VENV)/.ready-browser
RUN := $(VENV)/bin/python
AZURITE := .ci/.venvs/azurite

# The caller's environment and Airflow settings must not reach ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH $(filter AIRFLOW%,$(.VARIABLES))
export PYTHON

.PHONY: demo test examples browser screenshots property lint format docs wheel release matrix bench chaos cluster vectors constraints clean
.DEFAULT_GOAL := test

demo: $(READY)
	$(RUN) -m airflow_provider_encord.demo

# Files of tests run beside each other; three at once keep two cores busy, since the whole Airflows of some tests wait.
test: $(READY) $(AZURITE)
	$(RUN) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --ignore tests/browser

# Pages in a real browser, those of a whole Airflow among them. SHOTS=DIR writes screenshots there. With VERSION, the
# pages of another Airflow.
ifeq ($(VERSION),$(AIRFLOW))
browser: $(READY) $(BROWSER)
	$(if $(SHOTS),SHOTS=$(SHOTS)) $(RUN) -m pytest tests/browser
else
browser:
	.ci/install-chaos $(VERSION) $(CHAOS)
	$(CHAOS)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint .ci/constraints/airflow-$(VERSION)-python$(MINOR).txt --editable '.[browser]' hypothesis
	$(CHAOS)/bin/python -m pytest tests/browser/test_airflow.py
endif

# The pictures of the documentation, from the same run as the tests.
screenshots: $(READY) $(BROWSER)
	PICTURES=docs/images $(RUN) -m pytest tests/browser/test_airflow.py

# Each example on a whole Airflow, triggered as its dialog does.
examples: $(READY)
	$(RUN) -m pytest tests/system/each_example.py

# The property tests with many more examples, other ones each time.
property: $(READY)
	HYPOTHESIS_PROFILE=property $(RUN) -m pytest -m hypothesis $(PROPERTY)

lint: $(READY)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(READY)
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

# Warnings are errors, such as a link or a cross reference that leads nowhere. Nothing is fetched.
docs: $(READY)
	rm -rf docs/_build
	$(RUN) -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/html
	$(RUN) .ci/check-links docs/_build/html

wheel: $(READY)
	rm -rf dist
	$(RUN) -m build
	$(RUN) -m pytest tests/packaging/test_wheel.py

# What is uploaded: as `make wheel`, and its links must lead into the documentation, at the address in `pyproject.toml`.
release: docs wheel
	$(RUN) .ci/check-links docs/_build/html dist/*.whl

matrix: wheel
	.ci/matrix $(VERSIONS)

bench: $(READY)
	$(RUN) -m tests.benchmarks $(BENCH)

# How many kills and faults, and where chance begins.
EVENTS := 300
SEED := 1

chaos:
	.ci/install-chaos $(VERSION) $(CHAOS)
	$(CHAOS)/bin/python -m tests.chaos --events $(EVENTS) --seed $(SEED) $(CHAOS_ARGUMENTS)

# A whole Airflow with Celery, and this many deferred waits at once. CLUSTER_ARGUMENTS='--only upgrade' for the package alone.
WAITS := 1000

cluster:
	.ci/install-chaos $(VERSION) $(CHAOS)
	$(CHAOS)/bin/python -m tests.cluster --waits $(WAITS) $(CLUSTER_ARGUMENTS)

# ENCORD names a release of Encord's client, by default the installed one; WRITE=1 writes the vectors.
vectors: $(READY)
	$(RUN) -m tests.recorder $(if $(ENCORD),--encord $(ENCORD)) $(if $(WRITE),--write)

constraints:
	.ci/compile-constraints

clean:
	rm -rf $(VENV) .ci/.venvs build dist docs/_build

$(READY): pyproject.toml $(wildcard .ci/constraints/airflow-$(AIRFLOW)-*.txt) .ci/install .ci/clouds.txt .ci/openlineage.txt
	.ci/install $(AIRFLOW) $(VENV) --editable '.[dev,docs]'
	# Encord's last client with dataset API keys, apart from the newest one: the local Encord is tested with both.
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/encord-0.1.145 encord==0.1.145
	# The providers of Google and Azure, and emulators, apart from the rest: `.ci/clouds.txt` tells why.
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/clouds --requirement .ci/clouds.txt
	# Airflow's OpenLineage provider: `.ci/openlineage.txt` tells why.
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/openlineage --requirement .ci/openlineage.txt
	touch $@

$(BROWSER): $(READY)
	$(RUN) -m pip install --quiet --disable-pip-version-check \
	    --constraint .ci/constraints/airflow-$(AIRFLOW)-python$(MINOR).txt --editable '.[browser]'
	touch $@

# Azure's emulator. Where npm is missing, the tests that need it are skipped and say so.
$(AZURITE):
	if command -v npm; then \
	    npm install --silent --no-audit --no-fund --ignore-scripts --prefix $@ azurite@3.37.0 || { rm -rf $@; exit 1; }; fi
