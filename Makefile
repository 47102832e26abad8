# Each verb does the set-up it needs: on a fresh machine with Python and make, `make demo` is enough.
# For another Python beside the first: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: setup demo check test tools test-all faults fuzz bench docs site houses

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/pix2pix demo --out runs/demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

# The wheel, the notebook, the doctor, logs and other platforms' lacks: a minute of a processor.
tools: setup
	$(BIN)/python -m pytest -m slow tests/test_packaging.py tests/test_notebook.py tests/test_doctor.py \
		tests/test_platforms.py tests/training/test_logs.py

test-all: setup
	$(BIN)/python -m pytest -m 'slow or not slow'

# 200 kills and six kinds of bad luck; a sample of them is in `make test`.
faults: setup
	$(BIN)/python -m tests.faults

# 20,000 damaged files for every parser; a sample of them is in `make test`.
fuzz: setup
	$(BIN)/python -m tests.fuzz.fuzz

bench: setup
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/translating.py --runs 1
	$(BIN)/python benchmarks/endurance.py --steps 2000

docs: setup
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --strict

# The documents, and in site/draw the page with the model that the package carries: all that a static host needs.
# With URL=https://example.org a link to the page shows a picture.
site: docs
	@test ! -e site -o -e site/draw/export.json || { echo "site holds other files: move it away."; exit 2; }
	$(BIN)/pix2pix export --web build/draw $(if $(URL),--url $(URL:/=)/draw/)
	rm -rf site build/site/draw
	cp -R build/draw build/site/draw
	sed 's,^/,/draw/,' build/draw/_headers >build/site/_headers
	mv build/site site
	@echo "to look at it: python3 -m http.server -d site"

# The model that the package carries, learned anew.
houses: setup runs/houses-pairs
	$(BIN)/pix2pix train runs/houses-pairs --recipe houses --run runs/houses-learned
	$(BIN)/pix2pix train runs/houses-pairs --recipe houses --run runs/houses --init runs/houses-learned \
	  --set objective.gan=0 --set training.images=8_000
	$(BIN)/python tools/ship_houses.py runs/houses runs/houses-learned

runs/houses-pairs:
	$(BIN)/pix2pix data sample -o $@ --count 3000 --val 32 --size 256 --drawings 0.5
