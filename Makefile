# The first call of a target makes .venv and installs what it needs; later calls are quick.
# Another interpreter:  make test PYTHON=python3.12      Another folder:  make test VENV=/tmp/venv

PYTHON ?= python3
VENV ?= .venv
KERAS_VENV ?= .venv-keras
# of the machine with the GPU: it has CuPy, and for bench-gpu PyTorch and JAX
GPU_PYTHON ?= python3
FUZZ_VENV ?= .venv-fuzz
# processes that run the tests; 0 runs them in this one, as --pdb and -s need
JOBS ?= auto
ARGS ?=

BIN := $(VENV)/bin
# stamp files: what they say was installed is installed again when pyproject.toml changes
PACKAGE := $(VENV)/.package
DEV := $(VENV)/.dev
KERAS := $(KERAS_VENV)/.keras
FUZZ := $(FUZZ_VENV)/.fuzz

.DEFAULT_GOAL := help
.PHONY: help train test test-keras fuzz soak tutorials test-tutorials pictures lint types format clean bench bench-peers bench-scaling bench-report test-gpu bench-gpu

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

train: $(PACKAGE)  ## train a CNN on MNIST; options in ARGS="--epochs 3 --model one_conv"
	$(BIN)/minicnn train $(ARGS)

test: $(DEV)  ## run the tests; pytest's options in ARGS="-m 'not slow'", JOBS=0 for one process
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-keras: $(KERAS)  ## compare with the real Keras, in an environment of its own (2 GB)
	$(KERAS_VENV)/bin/python -m pytest tests/keras $(ARGS)

tutorials: $(DEV)  ## run the chapters, build their notebooks; ARGS="2 7" for some, --full for long
	$(BIN)/python tutorials/build.py $(ARGS)

pictures: $(PACKAGE)  ## draw the pictures of the README anew
	$(BIN)/python tutorials/pictures/draw.py

test-tutorials: $(DEV)  ## run the chapters, check that the notebooks are theirs
	$(BIN)/python tutorials/build.py --check $(ARGS)

fuzz: $(FUZZ)  ## 77,000 bad files, then ten minutes of coverage-guided fuzzing of every reader
	$(FUZZ_VENV)/bin/python -m tests.faults.hostile.campaign
	$(FUZZ_VENV)/bin/python -m tests.faults.fuzz 600 $(ARGS)

soak: $(DEV)  ## five minutes a backend: eight threads predict while the model is saved
	MINICNN_SOAK_SECONDS=300 $(BIN)/python -m pytest -s tests/faults/test_soak.py $(ARGS)

test-gpu:  ## on a machine with an NVIDIA GPU: a first look, then every test of its backend
	$(GPU_PYTHON) benchmarks/gpu_probe.py
	MINICNN_TEST_GPU=1 $(GPU_PYTHON) -m pytest -m gpu $(ARGS)

lint: $(DEV)  ## ruff: faults and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)  ## mypy, strict
	$(BIN)/mypy

format: $(DEV)  ## let ruff lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(PACKAGE)  ## time operations, training steps and the start; ARGS=--quick is a trial
	$(BIN)/python benchmarks/operations.py $(ARGS)
	$(BIN)/python benchmarks/step.py $(ARGS)
	$(BIN)/python benchmarks/startup.py $(ARGS)

bench-peers: $(PACKAGE)  ## the same networks on PyTorch, TensorFlow and JAX
	$(BIN)/python benchmarks/train.py --name peers \
		--engines minicnn torch-eager torch-compile keras-tensorflow keras-jax $(ARGS)

bench-scaling: $(PACKAGE)  ## growth with batch, image, channels and threads
	$(BIN)/python benchmarks/scaling.py --beside torch-eager keras-tensorflow $(ARGS)

bench-gpu:  ## on a machine with an NVIDIA GPU: minicnn beside PyTorch and JAX
	$(GPU_PYTHON) benchmarks/gpu.py $(ARGS)

bench-report:  ## make the tables of benchmarks/README.md from the results
	$(BIN)/python benchmarks/report.py

clean:  ## remove the environment and every cache of the tools
	rm -rf $(VENV) $(KERAS_VENV) $(FUZZ_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip, not python: an environment that was half made is made again
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(PACKAGE): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@ $(PACKAGE)

$(KERAS_VENV)/bin/pip:
	$(PYTHON) -m venv $(KERAS_VENV)

$(KERAS): pyproject.toml | $(KERAS_VENV)/bin/pip
	$(KERAS_VENV)/bin/python -m pip install --quiet -e ".[test-keras]"
	@touch $@

$(FUZZ_VENV)/bin/pip:
	$(PYTHON) -m venv $(FUZZ_VENV)

$(FUZZ): pyproject.toml | $(FUZZ_VENV)/bin/pip
	$(FUZZ_VENV)/bin/python -m pip install --quiet -e ".[fuzz]"
	@touch $@
