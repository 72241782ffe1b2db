# Every target sets up what it needs; from a fresh clone, Python 3.11+ and make are enough.
# 3.12 where there is one: the SDK's native codec loads nowhere else (docs/operating.md). It is run to find
# out, as a version manager leaves commands that only say what is not installed.
PYTHON ?= $(shell python3.12 -c '' 2>/dev/null && echo python3.12 || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq
# uv reads none of pip's settings: the index that pip takes packages from is told to it, and to trust whom the
# machine trusts (docs/decisions/installing.md).
INDEX   = UV_SYSTEM_CERTS=1 UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}}"
UV      = $(INDEX) $(BIN)/uv pip install --quiet
INSTALL = $(UV) --python $(BIN)/python --constraint constraints.txt --editable
# AgentScope Runtime 1.0.5 wants older packages than the worker: an environment of its own.
AGENTSCOPE := .venv-agentscope
# A command with servers and workers under it. The model is the one that AgentScope embeds with.
IN_CLOUD = MEMORY_EMBEDDING_MODEL=text-embedding-v1 $(BIN)/python -m devtools.run
# The same for tests: its index lags, if not for long. Nothing reads standard input, as they run side by side.
TESTED = </dev/null LOCAL_INDEX_LAG=0.3-0.9 $(IN_CLOUD)

# What the chat and the examples store stays here.
DATA := .local/chat

# What `make example` runs, and in whose environment.
EXAMPLES_agentscope  := add_memories append_messages read_session search_memories
EXAMPLES_agentscope2 := agentscope2_memory
EXAMPLES_adapters    := fastapi_chat langchain_history langgraph_memories openai_agents_session
EXAMPLES := $(foreach each,agentscope agentscope2 adapters,$(EXAMPLES_$(each)))
OF_EXAMPLE := $(strip $(foreach each,agentscope agentscope2 adapters,$(if $(filter $(NAME),$(EXAMPLES_$(each))),.venv-$(each))))

# A folder with LoCoMo's files, which are not part of this project; the model to evaluate.
LOCOMO ?= ../shared/data/locomo
MODEL  ?= qwen-plus
# What is evaluated: LoCoMo's files, or folders of a corpus (docs/evaluation.md).
FILES  ?= $(wildcard $(LOCOMO)/*.json)

.DEFAULT_GOAL := help
# Local servers are not asked for through a proxy.
export NO_PROXY := 127.0.0.1,localhost
export no_proxy := $(NO_PROXY)
# Tests start hundreds of processes: each would compile all of it again where an image says not to keep that.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install check test test-alone test-agentscope test-conversations test-examples test-failures test-agentscope2 test-adapters test-openapi test-page bench-agentscope demo chat example example-name up bench bench-publisher bench-tablestore bench-ingest bench-watching bench-extract chaos bench-hostile bench-memory bench-recall bench-page chaos-extract eval soak-publisher million mutants mutants-again mutants-short dist lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Make .venv with the pinned packages

$(BIN)/uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-compile --constraint constraints.txt uv

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/uv
	@echo "installing into $(VENV) …"
	@$(INSTALL) '.[worker,server,local,dev]'
	@touch $@

.venv-%/.installed: constraints-%.txt | install
	@test -x $(@D)/bin/python || $(PYTHON) -m venv --without-pip $(@D)
	@echo "installing into $(@D) …"
	@$(UV) --python $(@D)/bin/python --no-deps --requirement $< --editable .
	@touch $@

check: install ## Lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Most of these tests wait, for an index that lags or a session that is idle: more of them than cores. Files begin in
# the order in which they are named, the slow ones first: xdist alone begins with those of many tests, which are quick.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

test: install $(AGENTSCOPE)/.installed ## Units, conformance, stories, and AgentScope's own services as readers
	@$(MAKE) --no-print-directory -j 2 test-alone test-agentscope

test-alone: install ## The same without AgentScope
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/stories tests/conformance tests/unit

test-agentscope: $(AGENTSCOPE)/.installed ## AgentScope's own services as readers
	$(TESTED) $(AGENTSCOPE)/bin/python -m pytest -q tests/agentscope

test-conversations: install ## Two real conversations, whole: stored, remembered, evaluated
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/conversations

test-examples: install ## The tests that make up their own cases, with all of their examples
	ALL_EXAMPLES=1 $(BIN)/pytest $(SIDE_BY_SIDE) $$(grep -rlE 'examples\([0-9]+\)' tests --include='test_*.py')

test-failures: install ## Kill, stop, fill and break everything: the short form of the long runs below
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/failures

test-agentscope2: .venv-agentscope2/.installed ## The middlewares, with the current AgentScope
	$(TESTED) .venv-agentscope2/bin/python -m pytest tests/agentscope2

test-adapters: .venv-adapters/.installed ## LangChain, LangGraph, the OpenAI Agents SDK, and a FastAPI chat
	$(TESTED) .venv-adapters/bin/python -m pytest tests/adapters

test-openapi: .venv-openapi/.installed ## A client that a generator makes of the server's description
	$(BIN)/pytest tests/openapi

$(VENV)/.installed-browser: $(VENV)/.installed
	@$(INSTALL) '.[browser]'
	@touch $@

test-page: $(VENV)/.installed-browser ## The page in a browser (chromium of Debian's packages), and its pictures in docs/
	$(BIN)/pytest tests/browser

bench-agentscope: $(AGENTSCOPE)/.installed ## append_message: the drop-in beside AgentScope's own
	MEMORY_MAX_MESSAGES=1000000 MEMORY_MAX_TOKENS=100000000 \
	    $(IN_CLOUD) $(AGENTSCOPE)/bin/python -P bench/agentscope.py

demo: install ## Publish a conversation and see it stored, remembered and found, all on this machine
	@$(BIN)/python examples/demo.py

chat: $(AGENTSCOPE)/.installed ## Chat in the terminal; what you say is remembered
	@$(IN_CLOUD) --data $(DATA) $(AGENTSCOPE)/bin/python examples/chat.py

example: example-name $(OF_EXAMPLE:=/.installed) ## Run one of the examples for agents: NAME=add_memories
	@$(IN_CLOUD) --data $(DATA) $(OF_EXAMPLE)/bin/python examples/$(NAME).py

# Before anything is installed or started.
example-name:
	@$(if $(filter $(NAME),$(EXAMPLES)),:,echo 'NAME= one of: $(EXAMPLES)' >&2; exit 2)

up: install ## Keep all of it running on this machine until Ctrl-C
	@$(BIN)/python -m devtools.up

bench: bench-publisher bench-tablestore bench-ingest bench-memory ## All measurements that compare side by side

$(VENV)/.installed-bench: $(VENV)/.installed
	@$(INSTALL) '.[bench]'
	@touch $@

bench-publisher: $(VENV)/.installed-bench ## Publishing beside Celery, XADD, PostHog and OpenTelemetry
	PYTHONPATH=. $(BIN)/python bench/publisher.py

bench-tablestore: install ## The local Tablestore: rows, searches over 100,000 documents, clients at once, memory
	$(BIN)/python bench/tablestore.py

bench-ingest: install ## Ingestion beside plain Celery, AgentScope's append and the SDK alone; on 3.11: VENV=.venv-3.11 PYTHON=python3.11
	$(BIN)/python -m bench.ingest

bench-watching: install ## What metrics and traces cost the draining of a backlog, by turns with a worker that has neither
	$(BIN)/python -m bench.watching

bench-extract: install ## Sessions extracted a second and memory, in processes and threads, while Qwen takes its time
	$(BIN)/python -m bench.extract

chaos: install ## Kill workers 200 times, restart Redis 20 times, break the store; then the same to plain Celery
	$(BIN)/python bench/chaos.py
	$(BIN)/python bench/chaos.py --plain

bench-hostile: install ## One item that hurts its step, 1,000 bystanders behind it: how long they wait
	$(BIN)/python -m bench.hostile

bench-memory: install ## From publish to a searchable memory, with the parts of the time
	$(BIN)/python -m bench.memory

bench-recall: install ## A recall's time, from publish to a recall, as many recalls as hold their deadline; SHORT=1
	$(BIN)/python -m bench.recall $(if $(SHORT),--short)

bench-page: install ## Each page of the server over 10,000 sessions: p50 and p95
	$(BIN)/python -m bench.page

chaos-extract: install ## Kill extraction 200 times over LoCoMo files; stop the index; every fault at every call
	$(BIN)/python -m tests.failures.extraction_kills --kills 200 $(wildcard $(LOCOMO)/*.json)
	$(BIN)/python -m bench.index_lag
	MEMORY_ALL_FAULTS=1 $(BIN)/pytest -q tests/failures/test_extraction_faults.py \
	    tests/failures/test_extraction_pools.py tests/failures/test_hostile_items.py

eval: install ## Evaluate memories of FILES=, as CASSETTE= answers, or MODEL= at ENDPOINT=; RECORD= what is missing
	$(BIN)/python -m bench.evaluation --model $(MODEL) $(addprefix --endpoint ,$(ENDPOINT)) \
	    $(addprefix --cassette ,$(CASSETTE)) $(addprefix --record ,$(RECORD)) $(FILES)

soak-publisher: install ## Ten minutes at 5,000 events/s; a million events from eight processes
	PYTHONPATH=. $(BIN)/python bench/publisher_soak.py steady
	PYTHONPATH=. $(BIN)/python bench/publisher_soak.py many

$(VENV)/.installed-mutants: $(VENV)/.installed
	@$(INSTALL) '.[mutants]'
	@touch $@

mutants: $(VENV)/.installed-mutants ## Change the critical modules in small ways: 85% must be noticed; GROUPS= for some (hours)
	nice -n 19 $(BIN)/python -m devtools.mutants $(GROUPS)

mutants-again: $(VENV)/.installed-mutants ## Go on with a run that was broken off, and with what was not noticed in it
	nice -n 19 $(BIN)/python -m devtools.mutants --again $(GROUPS)

mutants-short: GROUPS := lease
mutants-short: mutants ## The same for one module

$(VENV)/.installed-dist: $(VENV)/.installed
	@$(INSTALL) '.[dist]'
	@touch $@

# The wheel is built from the sdist, with the packages installed here; the editable installs try it with fetched ones.
# There is no author's address to rate: SECURITY.md says where to write.
dist: $(VENV)/.installed-dist ## Build sdist and wheel, check them, and use the wheel in an empty environment
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist
	$(BIN)/pyroma --min=10 --skip-tests AuthorEmail dist/*.tar.gz
	@$(INDEX) $(BIN)/pytest tests/shipped

million: install ## A million messages over 10,000 sessions with each of the SDK's codecs, ten and fifteen minutes at most
	$(BIN)/python bench/million.py
	$(BIN)/python bench/million.py --codec python --minutes 15

lock: $(BIN)/uv ## Rewrite constraints.txt from a fresh resolution
	@$(INDEX) $(BIN)/uv pip compile --python-version 3.11 --quiet --upgrade --no-header --no-annotate --output-file constraints.txt pyproject.toml \
	    $(addprefix --extra ,worker server local dev bench browser dist mutants)

clean: ## Remove what make made
	rm -rf .venv .venv-* .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -r {} +
