# Coach operator. `make` lists what there is; the work itself is in small scripts under hack/.
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try it (Linux, as root: it starts a Kubernetes node on this machine)

.PHONY: demo demo-onboard demo-sabotage demo-down
demo: ## a node, sandboxes of AWS and Stripe, the operator, a platform and a coach, until the coach is paid
	@hack/demo
demo-onboard: ## let one more coach through Stripe's forms and review
	@hack/demo onboard
demo-sabotage: ## break promises behind the operator's back; watch them being repaired, and payouts stop and go on
	@hack/demo sabotage
demo-down: ## stop everything that demo started and leave nothing
	@hack/demo down

.PHONY: cluster cluster-down
cluster: ## a real Kubernetes node on this machine; prints its kubeconfig
	@hack/cluster/up
cluster-down: ## stop the node and leave nothing
	@hack/cluster/down --purge

##@ Work on it

.PHONY: build
build: ## compile every program of the repository into bin/
	hack/build bin/manager
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/kubectl-coach
	cd cmd/sandbox && CGO_ENABLED=0 go build -trimpath -o ../../bin/sandbox .

.PHONY: generate
generate: ## CRDs, deep copies and the reference documentation, from the code
	@hack/generate

.PHONY: golden
golden: ## rewrite the golden files of the tests, for review
	@hack/golden

.PHONY: lint
lint: ## golangci-lint on every module of ours
	@hack/lint/run

.PHONY: verify
verify: ## everything a reviewer should not have to check: generated files, tidy, lint, docs
	@hack/verify

.PHONY: test
test: ## all tests: units, steps against the sandbox, API server, real node
	@hack/test

.PHONY: e2e
e2e: ## the tests on a real node only
	@hack/e2e

.PHONY: flip
flip: ## break every security control in the sandbox and see it flip: the table of docs/flips.md
	@hack/flip

.PHONY: bench
bench: ## measure the operator with 200 platforms, and with 10,000 payout accounts: tables, about half an hour
	@hack/bench
