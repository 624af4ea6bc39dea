PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COUNT ?= 20000
BUDGET ?= 1200

.PHONY: demo test check docs bench fuzz faults clean

# name the genre of the example songs, and draw a spectrogram and timelines into demo/
demo: $(READY)
	$(BIN)/generify predict examples --timeline --plot demo
	$(BIN)/generify spectrogram examples -o demo/spectrograms.png
	@echo
	@echo "The pictures are in demo/. Now type:"
	@echo "  source $(BIN)/activate"
	@echo "  generify predict SONG"

# run all tests
test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile

# lint, types, docstrings
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(git ls-files 'src/generify/*.py' ':!src/generify/cli/')

# build the documentation into docs/_build/html; warnings are errors
docs: $(READY)
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "the pages are in docs/_build/html; begin with docs/_build/html/index.html"

# measure speed beside what others use, within 15 minutes, into benchmarks/results.json and docs/performance.md;
# with DATA=folder (mel128.npz, split lists, audio/) accuracy on GTZAN too
bench: $(READY)
	$(BIN)/python benchmarks/suite.py
	$(if $(DATA),$(BIN)/python benchmarks/gtzan.py $(DATA))

# damage songs, and everything else that is read: COUNT songs within BUDGET seconds
fuzz: $(READY)
	cd tests && ../$(BIN)/python -m fuzz songs --count $(COUNT) --budget $(BUDGET)
	cd tests && ../$(BIN)/python -m fuzz data --count 1000

# kill commands and fail their writes, 200 times each
faults: $(READY)
	$(BIN)/python benchmarks/faults.py

# remove everything that make made
clean:
	rm -rf $(VENV) demo dist docs/_build .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml requirements-dev.lock
	@echo "setting up $(VENV): about a minute, more on a slow network"
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Generify needs Python 3.11 or later; try make PYTHON=python3.12')"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --constraint requirements-dev.lock --editable ".[all]" --group dev
	@touch $(READY)
