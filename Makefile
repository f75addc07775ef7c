# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# make demo and make test are all that a user needs; make help lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COLLECTION := $(VENV)/collections/ansible_collections/skills_eye/prometheus_fleet
PYTEST_ARGS ?=
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(VENV)/collections

.DEFAULT_GOAL := help
.PHONY: help demo test unit integration lint sanity bench clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(VENV)/run.stamp: requirements.txt tools/system_packages
	tools/system_packages run
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'ansible-core>=2.18,<2.22' -r requirements.txt
	mkdir -p $(dir $(COLLECTION))
	ln -sfn "$(CURDIR)" $(COLLECTION)
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.txt
	tools/system_packages test
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@
