# One command: `make` is what CI runs. It needs python3 (3.11 or later) and nothing else.
PYTHON ?= python3
PYTEST := .venv/bin/python -m pytest
BOTH := -n 2 --dist loadfile

.DEFAULT_GOAL := all
.PHONY: all check test quick docs bless hunt planted torture tortured bench up help

all: check test               ## everything CI runs
check: .venv/ready            ## format, lint, types, arrows between rooms
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
test: .venv/ready             ## the whole test suite, executed documents included
	$(PYTEST) $(BOTH)
quick: .venv/ready            ## every test except those marked slow
	$(PYTEST) $(BOTH) -m "not slow"
docs: .venv/ready             ## run every example in README, docs/ and examples/, and every doctest
	$(PYTEST) $(BOTH) tests/docs tests/examples tests/cases src
bless: .venv/ready            ## accept the new golden output, then read the diff
	TEMPER_BLESS=1 $(PYTEST)
	git --no-pager diff --stat
hunt: .venv/ready             ## try the laws with fresh seeds until one fails or you interrupt
	while $(PYTEST) tests/laws --hypothesis-profile=hunt; do :; done
torture: .venv/ready          ## kill the server every second for ten minutes, on a file and on PostgreSQL
	for each in sqlite postgres; do PYTHONPATH=tests .venv/bin/python -m torture.run --store $$each || exit 1; done
planted: .venv/ready          ## plant each bug of tests/mutants/engine in the engine, and see which law notices
	PYTHONPATH=tests .venv/bin/python -m support.planted $(BUGS)
tortured: .venv/ready         ## the same bugs in real servers, and what the torture run says of each; an hour
	PYTHONPATH=tests .venv/bin/python -m torture.planted $(BUGS)
bench: .venv/ready            ## time the hot paths
	for each in benchmarks/*/*.py; do .venv/bin/python $$each || exit 1; done
up: .venv/ready               ## certify examples/deploy and serve it on loopback
	@.venv/bin/temper up examples/deploy $(UP)
help:                         ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 8

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
