# The front door. `make` lists what there is. Nothing needs another target to be typed before it.

ENV ?= local
PYTHON ?= python3
CHECKS ?=
TESTS ?=
export ENV LOCAL_AWS_PORT YES DRY_RUN REPLACE APPLY ERASE FORCE

# These are handed on as they were typed: make would expand their dollars, and run what is in $(shell …).
unexport TO EVERYONE CATEGORY DATA ID NOT_BEFORE EXPIRES_AT CANCEL CATALOGUE PACKAGE
unexport ALLOW FINGERPRINT OUTPUT SUMMARY LOCK
export NOTIFY_USER := $(value TO)
export NOTIFY_EVERYONE := $(value EVERYONE)
export NOTIFY_CATEGORY := $(value CATEGORY)
export NOTIFY_DATA := $(value DATA)
export NOTIFY_KEY := $(value ID)
export NOTIFY_NOT_BEFORE := $(value NOT_BEFORE)
export NOTIFY_EXPIRES_AT := $(value EXPIRES_AT)
export NOTIFY_CANCEL := $(value CANCEL)
export PREVIEW_CATALOGUE := $(value CATALOGUE)
export GUARD_ALLOW := $(value ALLOW)
export REVIEWED := $(value FINGERPRINT)
export REVIEW_OUTPUT := $(value OUTPUT)
export REVIEW_SUMMARY := $(value SUMMARY)
export STATE_LOCK := $(value LOCK)
export ROLLBACK_PACKAGE := $(value PACKAGE)
# every shell has a USER of its own: only one that was given to make is meant
ifeq ($(origin USER),command line)
unexport USER
export DOCTOR_USER := $(value USER)
endif

VENV := .venv
READY := $(VENV)/.ready
LINT_READY := $(VENV)/lint/.ready
LOCALSTACK_READY := $(VENV)/localstack/.ready
RUN := $(VENV)/bin/python -m
# a CLI configuration that is named and missing would be a warning in front of everything
TERRAFORM := TF_CLI_CONFIG_FILE= CHECKPOINT_DISABLE=1 terraform

ifeq ($(filter 3.81 3.82 4.% 5.%,$(MAKE_VERSION)),)
$(error GNU make 3.81 or newer is needed, and this is $(MAKE_VERSION); install it)
endif

NEEDS_TERRAFORM := command -v terraform >/dev/null || \
  { echo "Terraform 1.10 or newer is needed and was not found on PATH; install it and run this again." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo plan plan-review drift deploy smoke-test unlock rollback outputs destroy package doctor reconcile notify preview \
        attach-trigger detach-trigger local-up local-status local-down \
        deploy-role deploy-calls github \
        test test-unit test-terraform test-integration test-localstack test-faults test-iam mutation bench load \
        lint test-lint hooks fmt docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  ENV=local|dev|prod chooses the environment (now: $(ENV)); YES=1 answers what is asked."

$(READY): scripts/requirements.txt scripts/setup.sh
	@sh scripts/setup.sh "$(PYTHON)" $(VENV) scripts/requirements.txt

$(LINT_READY): $(READY) scripts/lint-requirements.txt
	@sh scripts/setup.sh $(VENV)/bin/python $(@D) scripts/lint-requirements.txt $(VENV)/bin/uv

$(LOCALSTACK_READY): $(READY) scripts/localstack/requirements.txt
	@python="$$(sh scripts/localstack/python.sh $(VENV)/bin/uv)" && \
	  sh scripts/setup.sh "$$python" $(@D) scripts/localstack/requirements.txt $(VENV)/bin/uv

demo: $(READY) ## Deploy to a local AWS and watch a person register
	@$(RUN) scripts.demo

plan: $(READY) ## Show what a deploy of ENV would change
	@$(RUN) scripts.deploy plan

plan-review: $(READY) ## Review a plan as Markdown, for a pull request: OUTPUT=review.md SUMMARY=review.json
	@$(RUN) scripts.deploy review

drift: $(READY) ## The same, and fail if ENV is no longer as it was deployed
	@$(RUN) scripts.deploy review --detailed-exitcode

deploy: $(READY) ## Deploy ENV: check, package, plan, review, ask, apply, try; FINGERPRINT=… for that plan alone
	@$(RUN) scripts.deploy deploy $(ARGS)

smoke-test: $(READY) ## Register a throw-away user in ENV, look, and remove every trace
	@$(RUN) scripts.smoke_test

unlock: $(READY) ## Release the state's lock that a killed run has left: LOCK=…
	@$(RUN) scripts.deploy unlock

rollback: $(READY) ## Run the package that was deployed before in ENV, or PACKAGE=… of an older deploy
	@$(RUN) scripts.rollback

outputs: $(READY) ## Print the outputs of ENV as JSON
	@$(RUN) scripts.stack outputs

destroy: $(READY) ## Destroy ENV: plan, ask, apply
	@$(RUN) scripts.stack destroy

doctor: $(READY) ## Say what is broken in ENV and what to do; USER=ada why they were not welcomed; ARGS=--json
	@$(RUN) scripts.doctor $(ARGS)

reconcile: $(READY) ## Find users without a record, and records without a user: APPLY=1 registers the users
	@$(RUN) scripts.reconcile $(ARGS)

package: $(READY) ## Build build/lambda.zip as ENV wants it
	@$(RUN) scripts.stack package

preview: $(READY) ## Show what the templates of ENV say, or of an example: CATALOGUE=shop
	@$(RUN) scripts.preview

deploy-role: $(READY) ## Make what GitHub's workflows need to plan and deploy ENV; for an administrator
	@$(RUN) scripts.deploy_role $(ARGS)

deploy-calls: $(READY) ## Record anew which AWS calls a plan and a deploy make, in a local AWS of its own
	@$(RUN) scripts.deploy_calls

github: $(READY) ## For the workflows of GitHub: DO=role, allowed, review, reviewed or drift
	@$(RUN) scripts.github $(DO)

notify: $(READY) ## Send a notification: TO=ada CATEGORY=orders DATA='{"order":"1042"}'
	@$(RUN) scripts.notify $(ARGS)

attach-trigger: $(READY) ## Let an existing user pool call this system: DRY_RUN=1 only shows it
	@$(RUN) scripts.trigger attach $(ARGS)

detach-trigger: $(READY) ## Let that pool call what it called before
	@$(RUN) scripts.trigger detach $(ARGS)

local-up: $(READY) ## Start the local AWS in the background
	@$(RUN) scripts.local_aws up

local-status: $(READY) ## Say whether it runs, where, and what it takes
	@$(RUN) scripts.local_aws status

local-down: $(READY) ## Stop it, with all that it holds
	@$(RUN) scripts.local_aws down

# side by side, whatever the number of cores: much of it is waiting
SIDE_BY_SIDE := -n 4

test: $(READY) ## All tests
	@$(RUN) pytest $(SIDE_BY_SIDE) --junitxml build/tests.xml tests/unit tests/local_aws tests/terraform tests/plan_review tests/integration $(TESTS)

test-unit: $(READY) ## Tests of the functions and scripts: no Terraform, no local AWS
	@$(RUN) pytest $(SIDE_BY_SIDE) tests/unit $(TESTS)

test-terraform: $(READY) ## Tests of the Terraform modules against a local AWS, and of reviews of real plans
	@$(RUN) pytest tests/terraform tests/plan_review $(TESTS)

test-integration: $(READY) ## Deploy and drive the flow; AWS_ENDPOINT_URL=… for another emulator
	@$(RUN) pytest $(SIDE_BY_SIDE) tests/integration $(TESTS)

mutation: $(READY) ## Change the core logic in one place at a time: does a test fail? ARGS="delivery outbox --jobs 2"
	@$(RUN) tests.mutation $(ARGS)

test-localstack: $(if $(AWS_ENDPOINT_URL),$(READY),$(LOCALSTACK_READY)) ## Modules and channels on LocalStack: its core, or AWS_ENDPOINT_URL=…
	@$(RUN) pytest -v tests/localstack $(TESTS)

test-faults: $(READY) ## Break every AWS call of every function in every way; ARGS="--way ses --only 'kill after'"
	@$(RUN) tests.faults $(ARGS)

test-iam: $(READY) ## Take each permission of each function away, and look whether it is missed
	@$(RUN) tests.iam $(ARGS)

bench: $(READY) ## Measure speed, size and cost beside the obvious version; ARGS="--only trigger --rounds 50"
	@$(RUN) tests.bench $(ARGS)

load: $(READY) ## Register thousands of people, write to all of them, and count; goes on if cut off; ARGS=--help
	@$(RUN) tests.load $(ARGS)

lint: $(LINT_READY) ## Check what is written: all of it, or CHECKS="ruff mypy …"
	@$(RUN) scripts.lint $(CHECKS)

test-lint: $(LINT_READY) ## Tests of the checks: each finds what it is for
	@$(RUN) pytest $(SIDE_BY_SIDE) tests/lint $(TESTS)

hooks: $(LINT_READY) ## Have git run the checks of what is committed
	@$(VENV)/lint/bin/pre-commit install

fmt: $(READY) ## Format Python and HCL
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .
	@$(NEEDS_TERRAFORM)
	@$(TERRAFORM) fmt -recursive terraform tests

docs: $(READY) ## Write the tables of inputs and outputs into the Terraform READMEs
	@$(RUN) scripts.docs

UV_COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

lock: $(READY) ## Pin and hash anew what is installed
	@$(UV_COMPILE) --upgrade --group dev --output-file scripts/requirements.txt pyproject.toml
	@$(UV_COMPILE) --upgrade --group lint --output-file scripts/lint-requirements.txt pyproject.toml
	@$(UV_COMPILE) --upgrade --group localstack --output-file scripts/localstack/requirements.txt pyproject.toml
	@$(UV_COMPILE) --upgrade --no-emit-package jmespath --output-file lambda/requirements.txt lambda/requirements.in

clean: ## Stop the local AWS and remove what was built; .venv stays
	@if [ -f $(READY) ]; then $(RUN) scripts.local_aws down --all; fi
	@rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis
