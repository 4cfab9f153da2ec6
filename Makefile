# Targets a user calls; each says what it does, does its own set-up, and may be run twice.
SHELL := /bin/bash
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: status
status: ## How the cluster does, on one screen; FILE=cluster.yaml, ARGS=--watch or --json
	@npm run --silent status -- --file $(or $(FILE),$(wildcard cluster.yaml),$(wildcard .lab/cluster.yaml),cluster.yaml) $(ARGS)

.PHONY: lab
lab: ## A real cluster on this machine; NODES=FILE for another cluster file
	@lab/up.sh $(NODES)

.PHONY: nodes
nodes: ## Only the lab's machines, without a cluster
	@NODES_ONLY=1 lab/up.sh $(NODES)

.PHONY: lab-down
lab-down: ## Remove the lab and every trace of it
	@lab/down.sh

.PHONY: setup
setup: ## The packages and modules everything else needs
	@lab/requirements.sh

.PHONY: check
check: setup ## Everything that needs no machines: types, lint, shellcheck, unit, graph and policy tests
	@test/run.sh check

.PHONY: test
test: ## Every test but the long ones, the end-to-end ones in the lab; MINUTES=60: those, too, that fit
	@MINUTES=$(MINUTES) test/run.sh all $(if $(MINUTES),faults)

.PHONY: test-faults
test-faults: ## The long end-to-end tests: machines lost, masters removed under a client's eyes
	@test/run.sh faults

.PHONY: conformance
conformance: ## Kubernetes' own conformance tests on the lab's cluster; FOCUS=regular expression
	@lab/conformance.sh $(if $(FOCUS),'$(FOCUS)')

.PHONY: bench
bench: ## Measure a first 'pulumi up' stage by stage and write docs/performance.md
	@lab/bench.sh

.PHONY: compare
compare: ## Measure a first 'pulumi up' of COMMIT and of this commit in turn, and print the ratios; ROUNDS=3
	@lab/compare.sh $(COMMIT) $(ROUNDS)

.PHONY: scale
scale: ## Measure what one more node costs in clusters of 5, 20 and 50 and write docs/scale.md
	@lab/scale.sh

.PHONY: golden
golden: setup ## Rewrite what the program registers and what it puts on nodes, under test/golden
	@GOLDEN=write node_modules/.bin/node node_modules/.bin/mocha 'test/graph/golden.test.ts'

.PHONY: schema
schema: setup ## Rewrite docs/cluster.schema.json, the tables of docs/cluster-yaml.md, and docs/commands.md
	@npm run --silent schema
