# For contributors; `python3 -m app` and `python3 -m app test` need none of this.
.PHONY: check test live bench docs pictures lock

B := .venv/bin

check:	## format, lint, types, layers
	$(B)/ruff format --check . && $(B)/ruff check . && $(B)/pyright && $(B)/lint-imports --no-logo

test:	## everything but the tests against real platforms
	python3 -m app test

live:	## real n8n, real Airflow
	python3 -m app test --live

bench:	## the engine: transitions per second, callback to next node; the screens: weight, frames, long lists
	$(B)/python -m benchmarks.engine && $(B)/python -m benchmarks.screens

docs:	## every setting, kind and problem has its heading
	$(B)/python -m pytest tests/test_docs.py

pictures:	## the README's pictures, from the real app with the sandbox platforms
	$(B)/python -m docs.pictures

lock:	## both locks: hashes, every platform, no hosts
	env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS sh -c '$(LOCK) -o requirements.lock && $(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock'

LOCK = $(B)/uv pip compile --quiet --no-config --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml
