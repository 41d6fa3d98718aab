# `make demo` and `make test` do all their set-up on a fresh Debian machine; the second time it is quick.
PY := .venv/bin/python
PYTEST := $(PY) -m pytest

.PHONY: help setup engine demo test check unit e2e e2e-engine bench bench-quick slow clean

help:
	@echo "make demo    a callback and a notification with softphones, judged by what each party heard"
	@echo "make test    everything CI runs: check, unit and property tests, end-to-end tests"
	@echo "make check   format, lint, types, import contracts"
	@echo "make unit    unit and property tests only"
	@echo "make e2e     end-to-end tests only"
	@echo "make engine  build pjsua2 for hundreds of calls a process (docs/engine.md); IVRCORE_ENGINE=own takes it"
	@echo "make e2e-engine  a short selection of the end-to-end tests on that engine"
	@echo "make bench   every figure, beside Asterisk 22 where it does the same; writes benchmarks/RESULTS.md"
	@echo "make bench-quick  the same in under three minutes, less exactly; writes build/bench/RESULTS.md"
	@echo "make slow    what takes longer than a coffee: DTMF batteries, talk-off on recorded speech"
	@echo "make clean   remove what the above made"

setup:
	@scripts/setup

demo: setup
	$(PY) -m ivrcore demo

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

unit: setup
	$(PYTEST) tests/unit tests/property -n 2 --dist loadfile -q -m "not slow"

# One run after the other: what starts beside a test takes the processor from its telephones.
e2e: setup
	$(PYTEST) tests/e2e/loopback -q
	$(PYTEST) tests/e2e/callback tests/e2e/one_leg tests/e2e/test_demo.py -q
	@mkdir -p build
	@# These do not measure milliseconds: the engine is compiled meanwhile, with what they leave of the processor.
	chrt --idle 0 $(PY) -m scripts.engine >build/engine.log 2>&1 & engine=$$!; \
		$(PYTEST) tests/e2e/service -q; status=$$?; wait $$engine; exit $$status
	$(PYTEST) tests/e2e/asterisk tests/e2e/foreign -q
	scripts/engine-tests --short

# Kept outside the tree by its content: there is something to do only once. SOURCE= and SHA256= name a tarball.
engine: setup
	@$(PY) -m scripts.engine $(if $(SOURCE),--source '$(SOURCE)') $(if $(SHA256),--sha256 '$(SHA256)') \
		$(if $(REFRESH),--refresh)

# What depends on the build of pjsua2. `make test` has the short form of it.
e2e-engine: setup
	@scripts/engine-tests

# The subject has one core for itself, the load the other: leave the machine alone meanwhile, half an hour.
# ONLY="rate latency" runs some of the parts.
bench: engine
	IVRCORE_ENGINE=own $(PY) benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

bench-quick: engine
	IVRCORE_ENGINE=own $(PY) benchmarks/bench.py --quick $(if $(ONLY),--only $(ONLY))

# Hours of speech and whole batteries: for those who change the detector.
slow: setup
	$(PYTEST) tests -q -m slow

test: check unit e2e

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
