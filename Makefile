# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# make demo and make test are all that a user needs; make help lists the rest.
# PYTHON=python3.13 make ... uses another Python (3.11 or later), CORE='ansible-core==2.20.*' another ansible-core,
# PYTEST_ARGS='-k mirror' reaches pytest.
PYTHON ?= python3
CORE ?= ansible-core>=2.18,<2.22
VENV := .venv
BIN := $(VENV)/bin
# The collection as Ansible, mypy and pytest want it: a link to this checkout at .../ansible_collections/NAMESPACE/NAME.
COLLECTIONS := .venv/collections
COLLECTION := $(COLLECTIONS)/ansible_collections/skills_eye/prometheus_fleet
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Most tests wait for servers rather than compute: one worker more than there are cores.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
WITH_PATH := PATH="$(CURDIR)/$(BIN):$$PATH"
# The slow tests stand together: a worker that is done takes over half of what another has left.
PYTEST := $(WITH_PATH) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

export PYTHON
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(COLLECTIONS)

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-without-lint unit integration lint sanity bench matrix changelog build clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(VENV)/run.stamp: requirements.txt tools/system_packages
	tools/system_packages run
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null || \
		{ echo "$(PYTHON) is not Python 3.11 or later: make PYTHON=python3.x ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) '$(CORE)' -r requirements.txt
	mkdir -p $(dir $(COLLECTION))
	ln -sfn ../../../.. $(COLLECTION)
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.txt
	tools/system_packages test
	$(PIP_INSTALL) '$(CORE)' -r requirements-test.txt
	touch $@

venv: $(VENV)/test.stamp ## .venv with the collection linked in, and all that the tests need

demo: $(VENV)/run.stamp ## sweep three demo servers on loopback and publish their fields
	VENV='$(VENV)' demo/run

test: $(VENV)/test.stamp ## everything: linters, sanity, unit and integration tests
	$(PYTEST) tests/lint tests/integration tests/unit

# What can differ between versions of ansible-core and Python; the linters judge the same text in each.
test-without-lint: $(VENV)/test.stamp
	$(PYTEST) tests/lint/test_sanity.py tests/integration tests/unit

unit: $(VENV)/test.stamp ## unit tests
	$(PYTEST) tests/unit

integration: $(VENV)/test.stamp ## tests with real servers
	$(PYTEST) tests/integration

lint: $(VENV)/test.stamp ## every linter but ansible-test sanity
	$(PYTEST) tests/lint --deselect tests/lint/test_sanity.py

sanity: $(VENV)/test.stamp ## ansible-test sanity, no ignores
	$(BIN)/python tools/ansible_test_sanity.py

bench: $(VENV)/test.stamp ## how fast the sweep is, beside other ways, on this machine
	$(WITH_PATH) $(BIN)/python -m tests.bench

matrix: ## unit and integration tests with every supported ansible-core for which there is a Python
	tools/matrix

changelog: $(VENV)/test.stamp ## CHANGELOG.rst from changelogs/fragments
	$(WITH_PATH) $(BIN)/python tools/changelog.py

build: $(VENV)/run.stamp ## the collection's archive, in build/
	$(BIN)/ansible-galaxy collection build --force --output-path build

clean: ## what make made: the project's own folders, by name
	rm -rf .ansible .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build tests/output
	rm -rf $(VENV)
