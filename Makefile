# `make demo` and `make test` do all set-up themselves: a virtual environment in .venv, the build, everything else.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
LEVELS = $(shell $(RUN) -c "import runpy; print(*runpy.run_path('python/swiftbn/_load.py')['host_levels']())")
# Level of the Swift tests; the extension is built for the best level of this machine.
LEVEL = $(lastword $(LEVELS))
# Bytes of a wheel with all levels: 8 MB.
WHEEL_LIMIT := 8000000
INCLUDE = $(shell $(RUN) -c "import sysconfig; print(sysconfig.get_path('include'))")
EXAMPLES := $(filter-out python/examples/_%, $(wildcard python/examples/*.py))
SOURCES := $(shell find Sources -type f) Package.swift setup.py pyproject.toml

.PHONY: demo examples test test-swift test-c test-python test-isa test-interop peers lint format build setup bench clean

demo: build
	$(RUN) python/examples/demo.py

# All of them, on MNIST where it can be had. Pictures go to demo-output.
examples: build
	for example in $(EXAMPLES); do echo "$$example"; $(RUN) $$example || exit 1; done

test: test-swift test-c test-python

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit('swiftbn needs Python >= 3.11, found ' + sys.version) if sys.version_info < (3, 11) else None"
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { echo "swiftbn needs the venv module: install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip "setuptools>=77"
	$(RUN) -m pip install --quiet "numpy>=1.24" h5py rich pytest hypothesis threadpoolctl ruff matplotlib ml_dtypes scikit-learn tensorboard
	touch $@

build: $(VENV)/.built

$(VENV)/.built: $(VENV)/.ready $(SOURCES)
	$(RUN) -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

test-swift: setup
	SWIFTBN_ISA_LEVEL=$(LEVEL) swift test --configuration release --scratch-path .build/test-$(LEVEL)

# In the extension's build directory, so that nothing is compiled twice.
test-c: build
	SWIFTBN_ISA_LEVEL=$(LEVEL) SWIFTBN_DISTRIBUTION=1 SWIFTBN_PYTHON_INCLUDE=$(INCLUDE) \
	  swift build --configuration release --product swiftbn --scratch-path .build/distribution-$(LEVEL)
	gcc -std=c11 -Wall -Wextra -Werror -O1 -I Sources/CSwiftBN/include Tests/C/*.c \
	  -L .build/distribution-$(LEVEL)/release -lswiftbn -lm -pthread -o .build/test_swiftbn
	LD_LIBRARY_PATH=.build/distribution-$(LEVEL)/release .build/test_swiftbn

test-python: build
	$(RUN) -m pytest -q

# A wheel of all levels, its size, and the Python tests on each level that this processor runs.
test-isa: setup
	rm -rf .build/isa build/lib*
	SWIFTBN_ISA_LEVELS=all $(RUN) -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir .build/isa .
	test $$(stat -c %s .build/isa/*.whl) -le $(WHEEL_LIMIT)
	$(RUN) -m pip install --quiet --no-deps --target .build/isa/package .build/isa/*.whl
	for level in $(LEVELS); do echo "$$level"; \
	  SWIFTBN_ISA=$$level PYTHONPATH=.build/isa/package $(RUN) -m pytest -q || exit 1; done

# Against real Keras and PyTorch.
test-interop: peers
	.venv-peers/bin/python -m pytest -q -m interop

# Several gigabytes, in an environment of their own.
peers: build
	test -d .venv-peers || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade pip "setuptools>=77"
	.venv-peers/bin/python -m pip install --quiet numpy h5py rich pytest hypothesis threadpoolctl matplotlib scikit-learn tensorboard
	.venv-peers/bin/python -m pip install --quiet torch keras tensorflow-cpu jax onnx onnxruntime
	.venv-peers/bin/python -m pip install --quiet --no-build-isolation --no-deps --editable .

# Needs about 20 minutes of a quiet machine; writes demo-output/benchmarks.json, .md and .png.
bench: peers
	.venv-peers/bin/python python/benchmarks/run.py

lint: setup
	swift format lint --strict --recursive Sources Tests Package.swift
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: setup
	swift format --in-place --recursive Sources Tests Package.swift
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf .build .venv .venv-peers build dist python/*.egg-info python/swiftbn/*.so demo-output
