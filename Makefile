# The commands of the project. `make demo` and `make test` need nothing but Python 3.11+, git and make.
PYTHON := .venv/bin/python
.PHONY: help install demo up down status backup restore test check format bench load drill fuzz audit screenshots

help:  ## these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install:  ## system packages, virtual environment, viewer
	@echo "Setting up"
	@./webapp/stack/bootstrap.sh

demo: install  ## start everything and show it with a synthetic patient of three visits
	@echo "Starting"
	@$(PYTHON) -m webapp.stack demo

up: install  ## start everything without demo data
	@echo "Starting"
	@$(PYTHON) -m webapp.stack up

down:  ## stop everything
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m webapp.stack down; else echo "Nothing was running."; fi

status:  ## say what runs
	@$(PYTHON) -m webapp.stack status

backup:  ## save everything while it runs, into var/backups or TO=folder
	@$(PYTHON) -m webapp.stack backup $(if $(TO),--to "$(TO)")

restore:  ## put the backup FROM=folder in the place of what is here, which is moved aside
	@$(PYTHON) -m webapp.stack restore "$(FROM)"

testinstall:
	@echo "Setting up"
	@./webapp/stack/bootstrap.sh --tests

test: testinstall  ## every test, with the real servers and a real browser
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

check: install  ## lint, types, import rules
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@PATH="$(CURDIR)/.venv/bin:$$PATH" lint-imports

format: install  ## bring the code into shape
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

bench: install  ## measurements that print figures: speed of the cascade, of preparation, of the worklist
	@$(PYTHON) -m tests.benchmarks
	@$(PYTHON) -m tests.benchmarks.intake

load: testinstall  ## a day of a large site, compressed: waits and throughput of 1, 2 and 4 workers (STUDIES=40)
	@$(PYTHON) -m tests.benchmarks.load --studies $(or $(STUDIES),40)

drill: testinstall  ## long drills: a table of what faults do to 30 studies in flight, and every odd study
	@$(PYTHON) -m tests.drills
	@$(PYTHON) -m pytest tests/end_to_end -m drill $(PYTEST_ARGS)

fuzz: testinstall  ## hostile files and requests, 10,000 each, against a whole stack (FUZZ_ARGS='--files 500')
	@$(PYTHON) -m tests.fuzz $(FUZZ_ARGS)

audit: install  ## known holes in what we depend on (asks the advisory services of PyPI and npm: needs the internet)
	@$(PYTHON) -c "import urllib.request as web; web.urlopen('https://pypi.org/pypi/pip/json', timeout=20)" 2>/dev/null \
		|| { echo "The advisory service of PyPI cannot be reached from here: nothing was audited."; exit 1; }
	@[ -x var/audit/bin/pip-audit ] || { $(PYTHON) -m venv var/audit && var/audit/bin/pip install -q "pip-audit>=2.10,<3"; }
	@var/audit/bin/pip-audit --no-deps --disable-pip -r constraints.txt
	@cd frontend/ohif && npm audit --audit-level=high

screenshots: testinstall  ## the pictures of the README, from a running demo
	@$(PYTHON) -m tests.screenshots
