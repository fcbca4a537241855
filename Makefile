# Everything below needs Python 3.11 or later, make and curl; the rest is fetched into this folder.

UV_VERSION := 0.13.9
# A name on PATH may be a shim whose interpreter uv cannot use: ask the interpreter where it is.
export UV_PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11) or print(sys.executable))' \
	2>/dev/null && break; done)
export UV_PYTHON_DOWNLOADS := never
UV := $(or $(shell uv --version >/dev/null 2>&1 && command -v uv),.uv/bin/uv)
RUN := $(UV) run --frozen

.DEFAULT_GOAL := help
.PHONY: help demo check test openapi bench chaos fuzz sbom image chart sync
.NOTPARALLEL:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

demo: $(filter .uv/%,$(UV))  ## serve the built-in sandbox platform on http://127.0.0.1:8080
	$(RUN) --no-dev taskgate serve --sandbox

check: sync  ## every check and test but the image's
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(UV) lock --check
	$(UV) lock --check --project tests/checkov
	$(RUN) hadolint Dockerfile
	$(MAKE) test
	$(RUN) pytest -m machine --ignore=tests/image

test: sync  ## unit tests, every branch covered
	$(RUN) pytest -n 2 -m "not machine" --cov

openapi: sync  ## write openapi/openapi.json and its examples from the code
	$(RUN) python -m tests.openapi.recording
	$(RUN) taskgate openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

bench: sync  ## measure; bench/README.md tells how to read the figures
	$(RUN) python bench/normalise.py
	$(RUN) python bench/parsing.py
	$(RUN) python bench/hits.py
	$(RUN) python bench/cold.py
	$(RUN) python bench/stampede.py
	$(RUN) python bench/auth.py
	$(RUN) python bench/bad_days.py
	$(RUN) python bench/memory.py

sbom: sync  ## write sbom.json, the packages that are shipped, as CycloneDX
	$(UV) export --frozen --no-dev --no-emit-project --format cyclonedx1.5 -o sbom.json --quiet

chaos: sync  ## a full minute of every fault in turn between load and the sandbox
	$(RUN) pytest -s tests/test_chaos.py --chaos-seconds 60

fuzz: sync  ## a million mutated requests: no 500, no byte outside of the caller's scope
	$(RUN) pytest --no-cov tests/fuzz --fuzz-requests 1000000
	$(RUN) pytest --no-cov -m machine tests/oracle --examples 2000 --strings 100000

image: sync  ## build the image, run it hardened, check its promises; needs root and podman
	$(RUN) pytest tests/image

chart: sync  ## lint and render the chart with Helm's engine
	$(RUN) pytest tests/chart

sync: $(filter .uv/%,$(UV))
	$(UV) sync --frozen --quiet
	$(UV) sync --frozen --quiet --project tests/checkov

.uv/bin/uv:
	$(or $(UV_PYTHON),$(error Python 3.11 or later is needed)) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
