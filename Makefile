PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench clean

# name the genre of the example songs, and draw a spectrogram and timelines into demo/
demo: $(READY)
	$(BIN)/generify predict examples --timeline --plot demo
	$(BIN)/generify spectrogram examples -o demo/spectrograms.png

# run all tests
test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile

# lint, types, docstrings
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(git ls-files 'src/generify/*.py' ':!src/generify/cli/')

# measure accuracy on GTZAN; DATA=folder with mel128.npz and the split lists
bench: $(READY)
	$(BIN)/python benchmarks/gtzan.py $(DATA)

# remove everything that make made
clean:
	rm -rf $(VENV) demo dist .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Generify needs Python 3.11 or later; try make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group dev
	touch $(READY)
