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
PYTEST_ARGS ?=
PLANTED_ARGS ?=

export TF_CPP_MIN_LOG_LEVEL := 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-floor planted-faults lint format benchmark clean

help:
	@echo "make demo        a whole project on real customers, in under two minutes"
	@echo "make test        lint and the quick tests"
	@echo "make test-slow   the slow tests"
	@echo "make test-floor  all but the tests of formulas on the lowest supported versions"
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
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(PYTEST_ARGS)

# pytest exits with 5 when it finds no test: here, and only here, that is no fault.
test-slow: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow $(PYTEST_ARGS) || [ $$? -eq 5 ]

test-floor: $(FLOOR_READY)
	$(FLOOR)/bin/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/losses $(PYTEST_ARGS)

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

clean:
	rm -rf $(VENV) $(FLOOR) .pytest_cache .ruff_cache .mypy_cache build dist
