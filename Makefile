# One entry for everything a developer does. On a fresh machine with only Python 3.11: `make demo`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.dev-ready

.PHONY: demo test check lint types contracts docs bench simulate weather side-by-side mutants crashes lock audit fuzz corpora clean

demo: $(READY)  ## the main job, working, in a minute
	@$(BIN)/syncline demo

# Each file's tests in one process: what a file sets up for all of them is set up once.
test: $(DEV_READY)  ## all tests, on all cores
	@$(BIN)/pytest --numprocesses auto --dist loadfile

check: lint types contracts audit test  ## what CI runs

lint: $(DEV_READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(DEV_READY)
	@$(BIN)/mypy

contracts: $(DEV_READY)
	@$(BIN)/lint-imports

audit: $(DEV_READY)  ## is the lock installed hash by hash, and what is known against it; says so where nobody can be asked
	@$(BIN)/python tests/locked.py
	@$(BIN)/python tests/advisories.py

lock: $(DEV_READY)  ## requirements.lock anew: the newest that pyproject.toml takes, each with its hashes
	@$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-emit-index-url \
		--python-version 3.11 --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

fuzz: $(DEV_READY)  ## MINUTES=10 of odd input for every reader, each round with a seed of its own; SEED=123 begins there
	@PYTHONPATH=tests $(BIN)/python -m fuzz.longer --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

corpora: $(DEV_READY)  ## the public corpora: JSON=…/JSONTestSuite/test_parsing STRINGS=…/blns.json
	@SYNCLINE_JSONTESTSUITE="$(JSON)" SYNCLINE_NAUGHTY="$(STRINGS)" PYTHONPATH=tests $(BIN)/python -m corpus.public

docs: $(DEV_READY)  ## the reference pages and the table of promises, made from the code
	@$(BIN)/python docs/generate.py
	@PYTHONPATH=tests $(BIN)/python tests/promises.py
	@PYTHONPATH=tests $(BIN)/python tests/pictures.py

bench: $(READY)  ## the figures of benchmarks/README.md, measured here
	@$(BIN)/python benchmarks/first_sync.py
	@$(BIN)/python benchmarks/big_files.py

simulate: $(DEV_READY)  ## SEEDS=1000 scenes under seeded faults, every promise checked; SEED=123 plays that one again
	@PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200))

weather: $(DEV_READY)  ## the bad days of docs/reliability.md, in virtual time: a line each
	@PYTHONPATH=tests $(BIN)/python tests/scenarios.py

side-by-side: $(DEV_READY)  ## the same bad days, for real: a script of 25 threads, and `syncline run`; six minutes
	@$(BIN)/python benchmarks/side_by_side.py

mutants: $(DEV_READY)  ## planted bugs, each in a private copy, and the tests that caught it; ONLY="doubt ticket" for some
	@PYTHONPATH=tests $(BIN)/python -m mutants.run $(ONLY)

crashes: $(DEV_READY)  ## SIGKILL at every call of a small run, and again in its recovery; PAIRS=all for every pair, WAY=bulk
	@PYTHONPATH=tests $(BIN)/python -m crashes $(if $(STORY),--story "$(STORY)",--pairs $(or $(PAIRS),2000)) \
		$(if $(WAY),--way $(WAY)) $(if $(SEED),--seed $(SEED))

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Syncline needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Syncline into $(VENV) …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable .
	@touch $@

$(DEV_READY): $(READY) pyproject.toml requirements-dev.txt
	@echo "installing what the tests need …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
