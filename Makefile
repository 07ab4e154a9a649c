# For contributors; `python3 -m app` and `python3 -m app test` need none of this.
.PHONY: check audit test live faults bench soak docs pictures sbom lock

B := .venv/bin

check: audit	## format, lint, types, layers, advisories
	$(B)/ruff format --check . && $(B)/ruff check . && $(B)/pyright && $(B)/lint-imports --no-logo

audit:	## known advisories of what both locks name; says so where no service can be asked
	$(B)/python .ci/supply.py audit

test:	## everything but the tests against real platforms
	python3 -m app test

live:	## real n8n, real Airflow
	python3 -m app test --live

faults:	## the fault bench at its nightly sizes, seeds printed, and that it can fail; ARGS="--only G1,G5 --seed 7 --share 0.1"
	$(B)/python -m pytest -q tests/faults/test_proxy.py tests/faults/test_defects.py && $(B)/python -m tests.faults --nightly $(ARGS)

bench:	## everything that docs/benchmarks.md has figures of; an hour without the soak, and the peers are installed first
	$(B)/python -m benchmarks.against_n8n && $(B)/python -m benchmarks.against_dbos && $(B)/python -m benchmarks.airflow_chain
	$(B)/python -m benchmarks.parked && $(B)/python -m benchmarks.history --runs 1000000 && $(B)/python -m benchmarks.screens
	$(B)/python -m benchmarks.parallel && $(B)/python -m benchmarks.slow_clients && $(B)/python -m benchmarks.token_timing

soak:	## an hour of load with a worker killed every 30 s
	$(B)/python -m benchmarks.soak

docs:	## every setting, kind and problem has its heading
	$(B)/python -m pytest tests/test_docs.py

pictures:	## the README's pictures, from the real app with the sandbox platforms
	$(B)/python -m docs.pictures

sbom:	## what the program and its screens are made of, as CycloneDX, in dist/
	$(B)/python .ci/supply.py sbom dist

lock:	## both locks: hashes, every platform, no hosts
	env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS sh -c '$(LOCK) -o requirements.lock && $(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock'

LOCK = $(B)/uv pip compile --quiet --no-config --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml
