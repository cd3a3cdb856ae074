# Everything runs inside .venv, which the first call creates: all that is needed
# beforehand is python3 (3.11 or newer) with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FLOOR := .venv-floor
FLOOR_READY := $(FLOOR)/.ready
# scikit-learn 1.6 reads column names by a protocol that polars 1.40 deprecates.
FLOOR_PINS := "joblib==1.4.*" "numpy==2.0.*" "scipy==1.13.*" "scikit-learn==1.6.*" "optuna==4.0.*" \
	"tensorflow==2.19.*" "keras==3.9.*" "scikeras==0.13.*" "polars<1.40"
WORKERS ?= 2
# Which third of the statistical claims runs: 0, 1, 2 or all.
SHARD ?= all
PYTEST_ARGS ?=
PYTEST = -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
PLANTED_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-floor coverage planted-faults lint format benchmark clean

help:
	@echo "make demo        a whole project on real customers, in under two minutes"
	@echo "make test        lint and the quick tests"
	@echo "make test-all    every test; SHARD=0, 1 or 2: a third of the statistical claims"
	@echo "make test-floor  all but the tests of formulas on the lowest supported versions"
	@echo "make coverage    every test, and which branches they reach"
	@echo "make planted-faults   whether tests notice one-line mistakes, about 5 minutes"
	@echo "make lint        ruff check and ruff format --check"
	@echo "make format      let ruff repair and format"
	@echo "make benchmark   time a single fit and a search against other libraries"
	@echo "make clean       remove the environments and caches"

# Each stamp is written last, so that an interrupted install is done again.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[plot,examples]" --group dev
	@touch $@

$(FLOOR_READY): pyproject.toml Makefile
	$(PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(FLOOR)/bin/python -m pip install --quiet --editable ".[plot]" --group test $(FLOOR_PINS)
	@touch $@

install: $(READY)

demo: $(READY)
	$(BIN)/python examples/churn.py

test: lint
	$(BIN)/python $(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-all: $(READY)
	$(BIN)/python $(PYTEST) --shard $(SHARD) $(PYTEST_ARGS)

coverage: $(READY)
	$(BIN)/python $(PYTEST) --cov=skloss --cov-branch --cov-report=term $(PYTEST_ARGS)

test-floor: $(FLOOR_READY)
	$(FLOOR)/bin/python $(PYTEST) --ignore tests/losses $(PYTEST_ARGS)

planted-faults: $(READY)
	$(BIN)/python tests/planted_faults.py $(PLANTED_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(READY)
	$(BIN)/python examples/benchmarks/single_fit.py
	$(BIN)/python examples/benchmarks/search.py
	$(BIN)/python examples/benchmarks/own_networks.py
	$(BIN)/python examples/benchmarks/predict_one.py

clean:
	rm -rf $(VENV) $(FLOOR) .pytest_cache .ruff_cache .mypy_cache build dist
