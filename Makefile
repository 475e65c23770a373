PY := .venv/bin/python
RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp

.PHONY: demo test check prove bench lock format clean

$(RUNTIME): requirements.lock pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q --require-hashes -r requirements.lock
	touch $@

$(DEV): requirements-dev.lock pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q --require-hashes -r requirements-dev.lock
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	touch $@
