# qfp: two commands, each enough alone on a fresh clone:
#   make book   runs every notebook and builds the website
#   make test   runs every check
# PYTHON=/path/to/python3.11 chooses the interpreter, TORCH_INDEX=URL a package index for PyTorch (see README.md).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
, := ,

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
NBVAL := --nbval-lax --nbval-current-env --nbval-kernel-startup-timeout 600 --nbval-sanitize-with tests/nbval_sanitize.cfg

# What a shell may have set for another Python does not reach this one.
unexport PYTHONHOME PYTHONPATH PYTHONOPTIMIZE PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV JUPYTER_PATH

.PHONY: help install book the-book pdf the-pdf test the-tests hostile refresh twins many ablations vae results wasm clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## make the environment .venv (the other targets do this themselves)

# Looks for what cannot be installed by pip, and names the Debian packages that are missing in one line.
define check
missing=""; \
if ! command -v "$(PYTHON)" >/dev/null; then missing=" python3.11 python3.11-venv python3.11-dev"; else \
  version=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' || echo "none that runs"); \
  [ "$$version" = 3.11 ] || { echo "$(PYTHON) is Python $$version; only 3.11 was tried and is taken:" \
    "use PYTHON=/path/to/python3.11" >&2; exit 2; }; \
  "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing python3.11-venv"; \
  "$(PYTHON)" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' \
    || missing="$$missing python3.11-dev"; fi; \
command -v gcc >/dev/null || missing="$$missing gcc"; \
command -v g++ >/dev/null || missing="$$missing g++"; \
if [ -n "$$missing" ]; then \
  echo missing: $$missing "(Debian: apt-get install"$$missing"; another Python: make PYTHON=/path/to/python3.11)" >&2; exit 2; fi
endef

# Of two makes at once the second waits, here for .$(1).lock, and says so; then it looks again what is left to do.
define alone
if command -v flock >/dev/null; then exec 9>>.$(1).lock; \
  flock -n 9 || { echo "Another make is busy with the $(1): waiting for it." >&2; flock 9 || :; }; \
else said=; until mkdir .$(1).lock.d 2>/dev/null; do \
  [ "$$said" ] || echo "Another make is busy with the $(1) (if none is: rmdir .$(1).lock.d): waiting for it." >&2; \
  said=1; sleep 1; done; trap 'rmdir .$(1).lock.d' EXIT; fi; \
QFP_TURN=$(1) $(2) 9>&-
endef

ifneq ($(QFP_TURN),install)
$(STAMP): pyproject.toml constraints.txt
	@$(check)
	@$(call alone,install,$(MAKE) --no-print-directory $@)
else
# Kwant comes last, in a call of its own: its build needs the NumPy and Cython of this environment.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV): some minutes the first time (PyTorch is a large download, Kwant is compiled)."
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(PIP) --upgrade pip setuptools wheel cython
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) --no-build-isolation --editable '.[book,test]'
	$(PIP) --no-build-isolation tinyarray
	$(PIP) --no-build-isolation --config-settings=--global-option=--cython kwant
	@touch $@
endif

book: $(STAMP)  ## run all notebooks (into runs/laptop/) and build the website from the committed ones
	@$(call alone,book,$(MAKE) --no-print-directory the-book)

the-book:
	$(BIN)/qfp run --preset laptop
	$(BIN)/jupyter-book build book
	@echo "Open $(CURDIR)/book/_build/html/index.html"

pdf: $(STAMP)  ## the book as one file, printed by Chromium: book/_build/quantum-fingerprints.pdf
	@$(call alone,book,$(MAKE) --no-print-directory the-pdf)

the-pdf:
	$(BIN)/jupyter-book build book --builder singlehtml
	$(BIN)/python -m qfp.book.pdf book/_build/singlehtml/intro.html book/_build/quantum-fingerprints.pdf

test: $(STAMP)  ## unit and physics tests, notebook validation, pairs in sync, strict book build
	@$(call alone,test,$(MAKE) --no-print-directory the-tests)

# The book is built beside the reader's, from nothing, with every warning an error.
the-tests:
	@rm -rf runs/check && mkdir -p runs/check
	$(BIN)/jupyter-book build -W -n --keep-going --all --path-output runs/check book > runs/check/book.log 2>&1 \
	  || { grep -aE 'WARNING|ERROR' runs/check/book.log || tail -n 40 runs/check/book.log; echo "book build failed: runs/check/book.log"; exit 1; }
	$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet
	$(BIN)/python -m qfp.book.pages runs/check/_build/html
	$(BIN)/python -m pytest --durations=10 $(NBVAL) tests notebooks

hostile: $(STAMP)  ## every bad input and fault of tests/hostile, of which make test tries a third
	HOSTILE=all $(BIN)/python -m pytest -q tests/hostile

refresh: $(STAMP)  ## execute the notebooks again in place, redraw the first picture (then look at git diff)
	$(BIN)/python book/decoded.py
	$(BIN)/python -m qfp.book.readme
	$(BIN)/python -m qfp.book.run --refresh

data/laptop.h5: | $(STAMP)
	$(BIN)/qfp dataset --preset laptop --out $@

# Networks for comparisons, equal steps and batches, one change at a time; a run that was stopped goes on.
TWIN = network.condition_hidden=256 network.condition_blocks=4 training.seed=1 training.minutes=0 training.max_steps=6000
define twin
test -e $(1).safetensors || { $(BIN)/qfp train --preset laptop --data data/laptop.h5 --out runs/$(notdir $(1)) \
  $$(test ! -e runs/$(notdir $(1))/checkpoint.safetensors || echo --resume) $(addprefix --set ,$(TWIN) $(2)) \
  && $(BIN)/qfp export runs/$(notdir $(1)) $(1) --bf16; }
endef
OWN_CURVES = training.curve_neighbours=0 training.curve_mixing=0
unshipped = runs/$(1)/$(1)

twins: $(STAMP) data/laptop.h5  ## train networks for comparison, where runs/ lacks them, and measure them
	$(call twin,$(call unshipped,twin))
	$(call twin,$(call unshipped,twin-no-attention),network.attention=[none$(,)none] network.condition_layers=0)
	$(call twin,$(call unshipped,twin-no-gradient),training.curve_target=none training.curve_batch=0 $(OWN_CURVES))
	$(call twin,$(call unshipped,twin-no-interpolation),$(OWN_CURVES))
	$(call twin,$(call unshipped,twin-half-lent),training.curve_left_out=0.5)
	$(BIN)/qfp study networks --weights $(foreach name,twin twin-no-attention twin-no-gradient twin-no-interpolation,\
	  $(call unshipped,$(name)).safetensors) laptop
	$(BIN)/qfp study lent --weights $(foreach name,twin twin-half-lent,$(call unshipped,$(name)).safetensors)
	$(call twin,$(call unshipped,fine),network.attention=[full$(,)full] training.seed=0)
	$(BIN)/qfp study waves --weights $(call unshipped,fine).safetensors --across 30 --curves 40 --out results/waves_fine.json

# First the read-out of curves alone, then the whole network. A run that was stopped goes on.
MANY = training.curve_potentials=40 training.curve_mixing=0.5 training.curve_errors=1 training.minutes=0
define further
test -e $(1).safetensors || { $(BIN)/qfp train --preset laptop --data data/laptop.h5 --out runs/$(notdir $(1)) \
  $$(test -e runs/$(notdir $(1))/checkpoint.safetensors && echo --resume || echo --init $(2)) $(addprefix --set ,$(MANY) $(3)) \
  && $(BIN)/qfp export runs/$(notdir $(1)) $(1) --bf16; }
endef

many: $(STAMP) data/laptop.h5  ## train the network under 40 further potentials, where models/ lacks it, and measure it
	test -e models/many.safetensors || $(call further,$(call unshipped,read),laptop,training.batch=0 training.max_steps=20000 training.cooldown=0.8)
	$(call further,models/many,$(call unshipped,read).safetensors,training.learning_rate=3e-4 training.max_steps=2500 training.cooldown=1)
	$(BIN)/qfp study potentials --weights laptop many
	$(BIN)/qfp study calibration --weights many --potentials fresh --curves 500 --out results/calibration_many.json

ablations: $(STAMP) data/laptop.h5  ## train short runs that differ in one choice each, and compare them
	$(BIN)/qfp study ablations

vae: $(STAMP) data/laptop.h5  ## train the two-stage baseline, where models/ lacks it, and measure it
	$(BIN)/qfp train-vae
	for name in few joint; do $(BIN)/qfp export runs/vae/$$name runs/vae/$$name --bf16 --force || exit 1; done
	test -e models/vae.safetensors || $(BIN)/qfp export runs/vae/general models/vae --bf16
	test -e models/vae-restricted.safetensors || $(BIN)/qfp export runs/vae/restricted models/vae-restricted --bf16
	$(BIN)/qfp study vae
	$(BIN)/qfp study vae-kriged

MEASURED = accuracy rivals interpolation samplers calibration novelty robustness memorisation attention waves score \
  solver-speed training-speed sampling-speed
results: $(STAMP) data/laptop.h5  ## measure again what the book quotes, after `make twins`: results/ from the weights and the full dataset
	test -e $(call unshipped,twin).safetensors || { echo "first: make twins" >&2; exit 2; }
	for name in $(MEASURED); do $(BIN)/qfp study $$name || exit 1; done
	$(BIN)/qfp study learning --preset kettle

# What the pages compute with, compiled again (Debian: apt-get install clang lld); a test compares the hashes.
WEB = src/qfp/live/web
CLANG = clang --target=wasm32 -O3 -msimd128 -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all
wasm:  ## compile the kernels of the book's live pages from C, where clang is installed
	cd $(WEB) && for name in solver decoder; do \
	  $(CLANG) -o $$name.wasm $$name.c && sha256sum $$name.c $$name.wasm > $$name.sha256 || exit 1; done

clean:  ## remove what was built and run (data/ and trained networks in runs/ stay)
	rm -rf book/_build build .pytest_cache
	if [ -d runs ]; then find runs -mindepth 1 -maxdepth 1 ! -exec test -e '{}/checkpoint.safetensors' \; -exec rm -rf {} +; fi
	find src tests notebooks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +

distclean: clean  ## remove the environment, the data and all of runs/, too
	rm -rf $(VENV) data runs src/*.egg-info .*.lock .*.lock.d
