# Targets that need .venv set it up by themselves. `make` alone says what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# What `make package` ships.
MODEL := tfdf
# Tests run in as many processes as there are processors, at most four; those marked `alone` time something.
IN_PARALLEL := --numprocesses logical --maxprocesses 4
# In the order in which they stand: what git lacks is said before an installation of minutes.
.NOTPARALLEL:
# Says when .venv was last made to match requirements.txt.
READY := .venv/.ready
# Says the same of requirements-cluster.txt.
CLUSTER_READY := .venv/.ready-cluster

.PHONY: help install install-cluster check repro results pictures bench app package test test-slow lint clean doctor

help:
	@echo "make repro      run the whole graph on the demo corpus and show the figures"
	@echo "make test       run the tests (make test-slow: web servers, kills, real speech)"
	@echo "make install    set up .venv only; after it, repro and test need no network"
	@echo "make install-cluster   install what compute.backend dask and ray need as well"
	@echo "make results    run the graph on real archives: make results MIRROR=<folder or URL> NAME=<name>"
	@echo "make pictures   draw the charts of dvc plots as pictures in dvc_plots/, without a browser"
	@echo "make bench      measure the speed, with librosa and openSMILE beside it; VOICETRAITS_MIRROR names real speech"
	@echo "make package    write one wheel that predicts, for machines without this project: make package MODEL=tfdf"
	@echo "make app        serve the models on a page and to programs: http://127.0.0.1:7860/ (ARGS='--help': its settings)"
	@echo "make lint       check style"
	@echo "make doctor     print what a bug report needs: versions, processor, disk, git, microphone"
	@echo "make clean      free the space: the stages' outputs, DVC's cache and the work store"

install: $(READY)

$(READY): requirements.txt
	@sh tools/setup.sh
	@touch $@

check:
	@sh tools/check.sh

install-cluster: $(CLUSTER_READY)

$(CLUSTER_READY): requirements-cluster.txt $(READY)
	@python -m pip install --quiet --disable-pip-version-check --requirement requirements-cluster.txt || \
		{ echo "install-cluster: the installation failed; see the lines above (no network?) and run make again" >&2; exit 1; }
	@touch $@

repro: check $(READY)
	@dvc repro
	@python src/summary.py

results: check $(READY)
	@python src/results.py "$(MIRROR)" "$(NAME)" $(ARGS)

pictures: check $(READY)
	@python src/pictures.py

bench: check $(READY)
	@python src/bench.py

package: $(READY)
	@python src/package.py --model "$(MODEL)"

app: $(READY)
	@python src/serve.py $(ARGS)

test: check $(READY)
	@python -m pytest $(IN_PARALLEL) -m "not slow and not alone"
	@python -m pytest -m "alone and not slow"

test-slow: check $(CLUSTER_READY)
	@python -m pytest $(IN_PARALLEL) -m "slow and not alone"
	@python -m pytest -m "slow and alone"

lint: $(READY)
	@ruff check .
	@ruff format --check .

clean:
	@sh tools/clean.sh

doctor:
	@$$(command -v python || command -v python3) tools/doctor.py
