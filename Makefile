# Every target does its own set-up: a machine needs Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LS_VENV := .venv-label-studio
READY := $(VENV)/.ready
LS_READY := $(LS_VENV)/.ready
PEERS_VENV := .venv-peers
PEERS_READY := $(PEERS_VENV)/.ready
JUDGES_VENV := .venv-judges
JUDGES_READY := $(JUDGES_VENV)/.ready
PIP_INSTALL := install --quiet --disable-pip-version-check --no-deps --require-hashes
UV_COMPILE := uv pip compile --generate-hashes --universal --no-header --no-annotate --no-emit-index-url --python-version 3.11
ARGS ?=

.PHONY: setup demo test e2e chaos soak audit judges lint format bench docs lock clean

setup: $(READY)

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say which with make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip $(PIP_INSTALL) -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Label Studio lives in an environment of its own: its pins and ours do not meet.
$(LS_READY): requirements-label-studio.lock
	$(PYTHON) -m venv $(LS_VENV)
	$(LS_VENV)/bin/python -m pip $(PIP_INSTALL) -r requirements-label-studio.lock
	touch $@

$(JUDGES_READY): requirements-judges.lock
	$(PYTHON) -m venv $(JUDGES_VENV)
	$(JUDGES_VENV)/bin/python -m pip $(PIP_INSTALL) -r requirements-judges.lock
	touch $@

$(PEERS_READY): requirements-peers.lock
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip $(PIP_INSTALL) -r requirements-peers.lock
	touch $@

demo: $(READY) $(LS_READY)
	$(BIN)/clean-al demo --label-studio $(LS_VENV)/bin/label-studio $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -m "not e2e" $(ARGS)

e2e: $(READY) $(LS_READY)
	CLEAN_AL_LABEL_STUDIO=$(abspath $(LS_VENV)/bin/label-studio) $(BIN)/python -m pytest -m e2e $(ARGS)

# Harm by a seed, as much as you like: make chaos ARGS="--seed 7 --strikes 1000"
chaos: $(READY)
	$(BIN)/python -m tests.chaos $(ARGS)

# Thousands of rounds: nothing grows. make soak ARGS="--rounds 10000"
soak: $(READY)
	$(BIN)/python -m tests.chaos.soak $(ARGS)

# A bill of materials, and known holes in what we depend on where the database can be reached.
audit: $(READY)
	$(BIN)/python -m audit $(ARGS)

# Other tools read what the exporters write, in an environment of their own; they keep to it and call nobody.
judges: $(JUDGES_READY)
	HOME=$(abspath $(JUDGES_VENV))/home FIFTYONE_DO_NOT_TRACK=true PYTHONPATH=. \
		$(JUDGES_VENV)/bin/python -m pytest tests/exporters/test_judges.py $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) $(LS_READY) $(PEERS_READY) $(JUDGES_READY)
	CLEAN_AL_LABEL_STUDIO=$(abspath $(LS_VENV)/bin/label-studio) $(BIN)/python -m benchmarks $(ARGS)

docs: $(READY)
	$(BIN)/python -m benchmarks.tables docs/
	$(BIN)/python -m pytest tests/docs $(ARGS)

# Writes the lock files anew; needs uv on the path.
lock:
	$(UV_COMPILE) pyproject.toml --extra backend --extra sdk --extra export --extra encoders --extra pdf --extra audio --extra video --extra cvat -o requirements.lock
	$(UV_COMPILE) pyproject.toml --extra backend --extra sdk --extra export --extra encoders --extra dev -o requirements-dev.lock
	$(UV_COMPILE) pyproject.toml --extra judges --extra export -o requirements-judges.lock
	$(UV_COMPILE) pyproject.toml --extra peers -o requirements-peers.lock
	echo "label-studio==1.23.2" | $(UV_COMPILE) - -o requirements-label-studio.lock

clean:
	rm -rf $(VENV) $(LS_VENV) $(JUDGES_VENV) $(PEERS_VENV) demo-out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
