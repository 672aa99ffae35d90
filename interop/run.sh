#!/bin/sh
# Looks at leat from outside: real clients, its files, and kills.
#
#   interop/run.sh leat                  builds leat and tests it with every client, then runs the examples
#   interop/run.sh kafka                 the same clients against Apache Kafka, and so tests the suite itself
#   interop/run.sh leat --docs           also writes docs/reference/clients.md
#   interop/run.sh leat -client kcat,kafkajs -seed 7
#   interop/run.sh disk                  kafka-dump-log on leat's files; leat on a directory of Kafka's
#   interop/run.sh kill [rounds]         kill -9 while producers write, 100 rounds unless told
#   interop/run.sh bank [rounds]         money moves between partitions by transactions while nodes are killed, 20 rounds unless told
#   interop/run.sh delay [rounds]        delayed records while nodes are killed, 8 rounds unless told
#   interop/run.sh faults [rounds] [seed]  three nodes in namespaces, hurt in every way, 50 rounds unless told
#   interop/run.sh cluster-tools         Kafka's tools for clusters against three nodes of leat; -target kafka: of Kafka
#   interop/run.sh mixed                 leat and Kafka in one cluster, controlled by either
#   interop/run.sh upgrade               three nodes of an earlier build become this one and back under load
#   interop/run.sh replace [-short]      three nodes of Kafka become leat and back under load
#   interop/run.sh streams [-nodes 3 -kill 30s -duration 10m]  a Kafka Streams application against an oracle
#   interop/run.sh share [-short]        Java share consumers: order by key, times between tries, sixteen beside one; those of three clients while nodes are killed
#   interop/run.sh group-tools           Kafka's tools for groups and transactions say what they say of Kafka; its verifiable clients; every record of groups dumped
#   interop/run.sh tools [-short]        Kafka's command-line tools and leat's of the same names: status and output of hundreds of command lines compared
#   interop/run.sh transactions          transactional producers of three clients: fenced, timed out, killed; both versions of the protocol
#   interop/run.sh groups [-duration 2m -seed 7]  members of three clients come, leave and are killed, with their coordinators
#   interop/run.sh kerberos              Java and librdkafka log in with tickets of a KDC (MIT's); wrong services, renewed keys
#   interop/run.sh security [-short]      seven clients, curl, openssl and Kafka's tools at listeners with TLS and SASL; -target kafka too
#   interop/run.sh quotas                clients at their quotas: rates, kafka-configs, connections; others beside them
#   interop/run.sh hostile [-short]      attackers of all kinds, and what a well-behaved client notices of them
#   interop/run.sh why [-short | -part 1/2]  52 faults in a cluster of three: leat why names the cause of each first, within a second, and is silent otherwise
#   interop/run.sh tenants [-short]      two tenants with equal names: what clients and tools of each see, and a quiet one beside a noisy one at its limits
#   interop/run.sh monitoring [-short]   a real Prometheus: the queries of Strimzi's dashboards and of leat's have data, every alert fires on its fault and only then
#   interop/run.sh stream-tools [-short]  Kafka's tools that move records and leat's of the same names: output, status, and what they wrote
#   interop/run.sh pages [-all] [PAGE...]  the commands of documentation, with what they show as output; -all: also those that take minutes
#   interop/run.sh packages [-short] [PART...]  the container image (also with Docker, Compose and Podman), packages, the service under systemd, the Helm chart and its rollout
#   interop/run.sh differential          the same requests to leat and to Kafka, every answer compared
#
# What follows goes to the program. LEAT_BINARY names a leat that is built already.
set -eu
cd "$(dirname "$0")/.."
what=${1:?usage: interop/run.sh leat|kafka|disk|kill|bank|delay|faults|cluster-tools|mixed|replace|upgrade|streams|share|groups|group-tools|tools|transactions|tenants|why|security|kerberos|differential|hostile|monitoring [options]}
shift
bin=${LEAT_INTEROP_CACHE:-.cache/interop}/bin
mkdir -p "$bin"
if [ "$what" != kafka ] && [ "$what" != pages ] && [ -z "${LEAT_BINARY:-}" ]; then
	CGO_ENABLED=0 go build -o "$bin/leat" ./cmd/leat
fi
leat=${LEAT_BINARY:-$bin/leat}

case $what in
leat | kafka)
	[ "${1:-}" != --docs ] || { shift && set -- -docs docs/reference/clients.md "$@"; }
	interop/setup.sh
	go build -o "$bin/" ./interop/cmd/interop
	"$bin/interop" -target "$what" -binary "$leat" "$@"
	[ "$what" = kafka ] || LEAT_BINARY=$leat examples/processes/run.sh --test
	;;
disk)
	interop/setup.sh kafka go
	go build -o "$bin/disk" ./interop/disk
	"$bin/disk" -binary "$leat" "$@"
	;;
kill)
	case ${1:-} in [0-9]*) rounds=$1 && shift && set -- -rounds "$rounds" "$@" ;; esac
	go build -o "$bin/kill" ./interop/kill
	"$bin/kill" -binary "$leat" "$@"
	;;
bank)
	case ${1:-} in [0-9]*) rounds=$1 && shift && set -- -rounds "$rounds" "$@" ;; esac
	go build -o "$bin/bank" ./interop/bank
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	"$bin/bank" -binary "$leat" -dir "$dir" "$@"
	;;
pages)
	go build -o "$bin/pages" ./interop/pages
	case " $*" in
	*.md) ;; # these pages, as a newcomer would, who builds leat first
	*)
		[ -n "${LEAT_BINARY:-}" ] || CGO_ENABLED=0 go build -o "$leat" ./cmd/leat
		interop/setup.sh kafka kcat kerberos
		interop/upgrade/previous.sh >/dev/null || [ $? = 3 ] # it said why
		# shellcheck disable=SC2046
		set -- -binary "$leat" -parallel 2 "$@" $(grep -rE '^ *<!-- run ' README.md docs | grep -v '<!-- run by ' | cut -d: -f1 | sort -u)
		;;
	esac
	"$bin/pages" "$@"
	;;
why)
	go build -o "$bin/why" ./interop/why
	"$bin/why" -binary "$leat" "$@"
	;;
packages)
	interop/setup.sh kcat
	exec deploy/check.sh "$@"
	;;
tenants)
	interop/setup.sh kafka
	go build -o "$bin/tenants" ./interop/tenants
	"$bin/tenants" -binary "$leat" "$@"
	;;
delay)
	case ${1:-} in [0-9]*) rounds=$1 && shift && set -- -rounds "$rounds" "$@" ;; esac
	go build -o "$bin/delay" ./interop/delay
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	"$bin/delay" -binary "$leat" -dir "$dir" "$@"
	;;
faults)
	case ${1:-} in [0-9]*) rounds=$1 && shift && {
		case ${1:-} in [0-9]*) seed=$1 && shift && set -- -seed "$seed" "$@" ;; esac
		set -- -rounds "$rounds" "$@"
	} ;; esac
	go build -o "$bin/faults" ./interop/faults
	"$bin/faults" -binary "$leat" "$@"
	;;
cluster-tools)
	interop/setup.sh kafka
	go build -o "$bin/clustertools" ./interop/clustertools
	"$bin/clustertools" -binary "$leat" "$@"
	;;
mixed)
	interop/setup.sh kafka
	go build -o "$bin/mixed" ./interop/mixed
	"$bin/mixed" -binary "$leat" "$@"
	;;
upgrade)
	status=0
	previous=$(interop/upgrade/previous.sh) || status=$?
	[ "$status" != 3 ] || exit 0 # it said why
	[ "$status" = 0 ] || exit "$status"
	go build -o "$bin/upgrade" ./interop/upgrade
	"$bin/upgrade" -binary "$leat" -previous "$previous" "$@"
	;;
replace)
	interop/setup.sh kafka
	go build -o "$bin/replace" ./interop/replace
	"$bin/replace" -binary "$leat" "$@"
	;;
streams)
	interop/setup.sh kafka streams
	go build -o "$bin/streams" ./interop/streams
	"$bin/streams" -binary "$leat" "$@"
	;;
share)
	interop/setup.sh kafka python
	go build -o "$bin/share" ./interop/share
	"$bin/share" -binary "$leat" "$@"
	;;
group-tools)
	interop/setup.sh kafka
	go build -o "$bin/grouptools" ./interop/grouptools
	"$bin/grouptools" -binary "$leat" "$@"
	;;
tools)
	interop/setup.sh kafka
	go build -o "$bin/tools" ./interop/tools
	"$bin/tools" -binary "$leat" "$@"
	;;
transactions)
	interop/setup.sh kafka python
	go build -o "$bin/transactions" ./interop/transactions
	"$bin/transactions" -binary "$leat" "$@"
	;;
groups)
	interop/setup.sh kafka python
	go build -o "$bin/groups" ./interop/groups
	"$bin/groups" -binary "$leat" "$@"
	;;
kerberos)
	interop/setup.sh kafka go kcat kerberos
	go build -o "$bin/kerberos" ./interop/kerberos
	"$bin/kerberos" -binary "$leat" "$@"
	;;
security)
	interop/setup.sh kafka python node go kcat
	go build -o "$bin/security" ./interop/security
	"$bin/security" -binary "$leat" "$@"
	;;
quotas)
	interop/setup.sh kafka
	go build -o "$bin/quotas" ./interop/quotas
	"$bin/quotas" -binary "$leat" "$@"
	;;
monitoring)
	interop/setup.sh prometheus kafka python
	deploy/grafana/check/run.sh
	go build -o "$bin/monitoring" ./interop/monitoring
	# The same program, but that its handler fails on requests of one client.
	CGO_ENABLED=0 go build -trimpath -ldflags '-X leat/internal/listener.brokenFor=broken' -o "$bin/leat-broken" ./cmd/leat
	# Mounts are seen by the suite and its nodes only, and are gone with it.
	apart=''
	for try in 'unshare -m' 'unshare -rm'; do
		if [ -z "$apart" ] && $try true 2>/dev/null; then apart=$try; fi
	done
	# shellcheck disable=SC2086
	$apart "$bin/monitoring" -binary "$leat" -broken "$bin/leat-broken" -prometheus "${LEAT_INTEROP_CACHE:-.cache/interop}/prometheus/usr/bin" "$@"
	;;
hostile)
	go build -o "$bin/hostile" ./interop/hostile
	"$bin/hostile" -binary "$leat" "$@"
	;;
stream-tools)
	interop/setup.sh kafka
	go build -o "$bin/streamtools" ./interop/stream
	"$bin/streamtools" -binary "$leat" "$@"
	;;
differential)
	interop/setup.sh kafka
	go build -o "$bin/differential" ./interop/differential
	"$bin/differential" -binary "$leat" "$@"
	;;
*)
	echo "interop/run.sh: $what: not one of leat, kafka, disk, kill, bank, delay, faults, cluster-tools, mixed, replace, upgrade, streams, share, groups, group-tools, tools, transactions, security, kerberos, differential, hostile, stream-tools" >&2
	exit 2
	;;
esac
