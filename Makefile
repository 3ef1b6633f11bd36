# The few commands of the project; README.md explains them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test bench fuzz lint venv clean
.DELETE_ON_ERROR:

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Satchel needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	bash packaging/system-libraries
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: venv
	bash tests/demo $(BIN)

test: venv
	bash tests/run $(BIN)

bench: venv
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

fuzz: venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

lint: venv
	$(BIN)/ruff check app tests
	$(BIN)/ruff format --check app tests
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf build $(VENV)
