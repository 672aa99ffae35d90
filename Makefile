# Each target is one line; plain `go test ./...` does everything that a change needs.
.PHONY: build run cluster3 check test race sim sim-bank fuzz bench bench-go faults mixed replace interop lint golden docs

build: ## the binary, static
	CGO_ENABLED=0 go build -trimpath -o leat ./cmd/leat
run: ## a broker with its data in ./leat-data
	go run ./cmd/leat server
cluster3: build ## three nodes on this machine, ports 19092, 29092 and 39092, data in ./leat-data-cluster3; ctrl-c stops them
	go run ./interop/cluster3 -binary ./leat
check: lint test ## what to run before a commit
test: ## unit, story, property and cluster tests, import rules and house rules
	go test ./...
race: ## the same under the race detector
	go test -race ./...
sim: ## a cluster on simulated time with faults: SEEDS from FROM on, STEPS each
	go test ./internal/sim/cluster -run TestSimCluster -v -timeout 60m -args -seeds $${SEEDS:-1000} -seed-from $${FROM:-0} -steps $${STEPS:-100000}
sim-bank: ## money moved by transactional producers while coordinators crash: SEEDS from FROM on, ROUNDS of crashes each
	go test ./internal/sim/bank -run TestSimBank -v -timeout 60m -args -seeds $${SEEDS:-1000} -seed-from $${FROM:-0} -rounds $${ROUNDS:-200}
fuzz: ## every fuzz target for FUZZTIME each (default 10s)
	./.ci/fuzz $${FUZZTIME:-10s}
bench: ## leat beside Apache Kafka and the floor: PARTS="produce latency" ARGS="--rounds 5"; ARGS=--docs writes the page, ARGS=--short is a smoke test
	./bench/compare.sh $(ARGS) $(if $(PARTS),--parts "$(PARTS)")
bench-go: ## the hot paths, with allocations
	go test -run '^$$' -bench . -benchmem ./internal/...
faults: ## three nodes in namespaces, hurt in every way: ROUNDS of them from SEED on
	./interop/run.sh faults $(or $(ROUNDS),10) $(or $(SEED),1)

mixed: ## brokers of leat and of Apache Kafka in one cluster, controlled by either
	./interop/run.sh mixed

replace: ## a cluster of Apache Kafka becomes leat, node by node, and back, with static and with dynamic voters
	./interop/run.sh replace && ./interop/run.sh replace -dynamic -short

interop: build ## real clients of other languages against leat and against Apache Kafka
	./interop/run.sh leat && ./interop/run.sh kafka
lint: ## gofmt, vet, golangci-lint
	test -z "$$(gofmt -l cmd internal leatest)" && go vet ./... && go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run
golden: ## rewrite golden files and stories; read the diff before you keep it
	go test ./internal/... -update
docs: ## rewrite docs/reference from the tables
	go test ./internal/config ./internal/cli ./internal/telemetry -run Reference -update
