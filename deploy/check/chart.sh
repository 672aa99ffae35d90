# shellcheck shell=sh
# The Helm chart: what it renders, what it refuses, and its pods restarted one by one.

HELM=helm.sh/helm/v3/cmd/helm@v3.22.0

make_helm() {
	helm=$cache/bin/helm
	mkdir -p "$cache/bin"
	[ -x "$helm" ] || GOBIN=$cache/bin go install $HELM
}

# render <name> <arguments of helm template>...: what the chart makes of values.
render() {
	name=$1
	shift
	"$helm" template try deploy/helm/leat --namespace default --kube-version 1.35.0 "$@" >"$work/$name.yaml" 2>"$work/log" || fail "helm template: $name"
	rendered="$rendered $name"
}

# refused <what the error has to say> <arguments>...: values that are wrong.
refused() {
	words=$1
	shift
	if "$helm" template try deploy/helm/leat --kube-version 1.35.0 "$@" >/dev/null 2>"$work/log"; then fail "the chart takes $*"; fi
	grep -q "$words" "$work/log" || fail "the chart refuses $*, and does not say: $words"
	wrong=$((wrong + 1))
}

check_chart() {
	make_helm
	"$helm" lint --strict deploy/helm/leat >"$work/log" 2>&1 || fail "helm lint"
	[ -x "$cache/kubernetes/bin/kubernetes-validate" ] || {
		python3 -m venv "$cache/kubernetes"
		"$cache/kubernetes/bin/pip" install --quiet kubernetes-validate==1.37.0
	}
	render_all
	# The schemas of Kubernetes know no kinds of the Prometheus operator.
	for name in $rendered; do
		"$cache/kubernetes/bin/python" - "$work/$name.yaml" <<-'PYTHON' || fail "$name: not what was asked for"
			import re, sys, yaml
			docs = [d for d in yaml.safe_load_all(open(sys.argv[1])) if d]
			assert len({(d["kind"], d["metadata"]["name"]) for d in docs}) == len(docs), "two of one name"
			for d in docs:
			    if d["kind"] == "StatefulSet":
			        volumes = [v["name"] for v in d["spec"]["template"]["spec"]["volumes"] + [c["metadata"] for c in d["spec"]["volumeClaimTemplates"]]]
			        assert len(set(volumes)) == len(volumes) and all(re.fullmatch("[a-z0-9-]{1,63}", v) for v in volumes), volumes
			yaml.safe_dump_all([d for d in docs if not d["apiVersion"].startswith("monitoring.coreos.com/")], open(sys.argv[1].replace(".yaml", ".core.yaml"), "w"))
		PYTHON
		for version in 1.30 1.34 1.37; do
			"$cache/kubernetes/bin/kubernetes-validate" --strict --no-warn -k $version "$work/$name.core.yaml" >"$work/log" 2>&1 || fail "$name against Kubernetes $version"
		done
		check_properties "$name"
	done
	pass "chart: lint; $(echo "$rendered" | wc -w) sets of values against the schemas of Kubernetes 1.30, 1.34 and 1.37, and each node's configuration taken by leat"
	check_refusals
	check_notes
}

render_all() {
	rendered=
	render default
	render single --set replicas=1
	render five --set replicas=5,rack.fromZone=true,storage.className=fast,spread.zones=DoNotSchedule
	cat >"$work/tls.values" <<-'VALUES'
		listeners: [{name: TLS, port: 9094, protocol: SSL}]
		tls: {secret: leat-tls, clientAuth: required, internal: true}
	VALUES
	render tls -f "$work/tls.values"
	cat >"$work/sasl.values" <<-'VALUES'
		listeners: [{name: USERS, port: 9096, protocol: SASL_SSL}]
		tls: {secret: leat-tls}
		secrets: [{name: leat-users, path: /etc/leat/users}, {name: data, path: /etc/leat/data}, {name: with.dots, path: /etc/leat/dots}]
		env: [{name: NODE_PASSWORD, valueFrom: {secretKeyRef: {name: leat-node, key: password}}}]
		config:
		  sasl.enabled.mechanisms: PLAIN
		  listener.name.users.plain.sasl.jaas.config: 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="${file:/etc/leat/users/alice}" user_node="${env:NODE_PASSWORD}";'
	VALUES
	render sasl -f "$work/sasl.values"
	cat >"$work/balancers.values" <<-'VALUES'
		external: {enabled: true, protocol: SSL, hosts: ["events-{id}.example.org"], annotations: {example.org/name: "events-{id}"}}
		tls: {secret: leat-tls}
	VALUES
	render balancers -f "$work/balancers.values"
	render ports --set external.enabled=true,external.type=NodePort,external.hosts='{a.example.org,b.example.org,c.example.org}',external.nodePorts='{31090,31091,31092}'
	cat >"$work/rest.values" <<-'VALUES'
		config: {log.retention.bytes: 1073741824, log.segment.bytes: 104857600, num.partitions: 6, leat.delay.topic.min.isr: 1, delete.topic.enable: true}
		extraConfig: |
		  # as it is
		  log.retention.hours=24
		resources: {requests: {cpu: "2", memory: 4Gi}, limits: {memory: 4Gi}}
		disruption: {maxUnavailable: 0}
		podMonitor: {enabled: true, labels: {release: prometheus}}
		serviceMonitor: {enabled: true, interval: 15s}
		ingress: {enabled: true, className: nginx, host: leat.example.org, tlsSecret: leat-web, annotations: {nginx.ingress.kubernetes.io/auth-type: basic}}
		affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: leat}}}]}}
		tolerations: [{key: dedicated, operator: Equal, value: kafka, effect: NoSchedule}]
		nodeSelector: {disk: fast}
		priorityClassName: important
		serviceAccount: {create: false, name: mine}
		image: {repository: registry.example/leat, tag: "1.2.3", pullSecrets: [{name: pull}]}
		podLabels: {team: events}
		podAnnotations: {example.org/note: "yes"}
	VALUES
	render rest -f "$work/rest.values"
	grep -q 'log.retention.bytes=1073741824$' "$work/rest.yaml" || fail "a large number is not written in digits"
	grep -q 'PodMonitor' "$work/rest.yaml" && grep -q 'ServiceMonitor' "$work/rest.yaml" && grep -q 'kind: Ingress' "$work/rest.yaml" || fail "monitors and ingress"
	grep -q 'EXTERNAL://c.example.org:31092' "$work/ports.yaml" && grep -q 'EXTERNAL://events-2.example.org:9095' "$work/balancers.yaml" || fail "addresses outside"
	grep -q 'default.replication.factor=1$' "$work/single.yaml" && grep -q 'offsets.topic.replication.factor=1$' "$work/single.yaml" || fail "one node cannot hold three replicas"
}

# check_properties <name>: each node's file is taken, as far as it goes without the secrets of the pod.
check_properties() {
	rm -rf "$work/properties" && mkdir -p "$work/properties"
	"$cache/kubernetes/bin/python" - "$work/$1.yaml" "$work/properties" <<-'PYTHON'
		import sys, yaml
		for d in yaml.safe_load_all(open(sys.argv[1])):
		    if d and d["kind"] == "ConfigMap":
		        for name, text in d["data"].items():
		            open(sys.argv[2] + "/" + name, "w").write(text)
	PYTHON
	mkdir -p "$work/secret" && echo secret >"$work/secret/alice"
	make_certificate
	for file in "$work/properties"/*.properties; do
		sed -i "s|/etc/leat/tls/|$work/secret/|g; s|/etc/leat/users/|$work/secret/|g; s|0.0.0.0:[0-9]*|127.0.0.1:0|g; s|^leat.http.listener=.*|leat.http.listener=|" "$file"
		# It waits for the others then, until it is killed; a wrong configuration ends it at once.
		status=0
		NODE_PASSWORD=x timeout -s KILL 0.7 "$leat" server --config "$file" --set log.dirs="$work/properties/data" >"$work/log" 2>&1 || status=$?
		[ $status = 137 ] && ! grep -qE "warning|level=ERROR" "$work/log" || fail "$1: the configuration of $(basename "$file")"
		rm -rf "$work/properties/data"
	done
}

# make_certificate makes what cert-manager puts into a secret.
make_certificate() {
	[ ! -s "$work/secret/tls.crt" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=try-leat -addext "subjectAltName=DNS:*.try-leat-nodes.default.svc" \
		-keyout "$work/secret/tls.key" -out "$work/secret/tls.crt" 2>/dev/null
	cp "$work/secret/tls.crt" "$work/secret/ca.crt"
}

check_refusals() {
	wrong=0
	refused replicas --set replicas=0
	refused replicas --set replicas=three
	refused replica --set replica=3
	refused protocol --set 'listeners[0].name=TLS,listeners[0].port=9094,listeners[0].protocol=TLS'
	refused port --set 'listeners[0].name=TLS,listeners[0].port=9092,listeners[0].protocol=SSL'
	refused name --set 'listeners[0].name=tls,listeners[0].port=9094,listeners[0].protocol=SSL'
	refused "tls" --set tls.internal=true
	refused size --set storage.size=lots
	refused "external.hosts: node 0 has none" --set external.enabled=true
	refused "write {id}" --set external.enabled=true,external.hosts='{events.example.org}'
	refused "external.nodePorts: node 2 has none" --set external.enabled=true,external.type=NodePort,external.hosts='{a,b,c}',external.nodePorts='{31090,31091}'
	refused "config: listeners is set by the chart" --set config.listeners=PLAINTEXT://:9092
	refused "two are called TLS" --set 'listeners[0].name=TLS,listeners[0].port=9094,listeners[0].protocol=PLAINTEXT,listeners[1].name=TLS,listeners[1].port=9096,listeners[1].protocol=PLAINTEXT'
	refused "two have port 9095" --set 'listeners[0].name=MORE,listeners[0].port=9095,listeners[0].protocol=PLAINTEXT,external.enabled=true,external.hosts={a-\{id\}.example.org}'
	refused "ingress.host" --set ingress.enabled=true
	refused pullPolicy --set image.pullPolicy=Sometimes
	pass "chart: $wrong wrong sets of values are refused, each by a sentence that names the value"
}

# What is printed after an installation. helm tells it only to those who have a cluster, so it is rendered as a file of a copy.
check_notes() {
	mkdir -p "$work/notes"
	cp -r deploy/helm/leat "$work/notes/"
	mv "$work/notes/leat/templates/NOTES.txt" "$work/notes/leat/notes"
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: |\n{{ tpl (.Files.Get "notes") . | indent 4 }}\n' >"$work/notes/leat/templates/notes.yaml"
	"$helm" template try "$work/notes/leat" --namespace default --kube-version 1.35.0 --set replicas=2 -f "$work/balancers.values" --show-only templates/notes.yaml >"$work/said" 2>"$work/log" || fail "NOTES.txt"
	for words in "bootstrap.servers=try-leat.default.svc:9092" "events-0.example.org:9095,events-1.example.org:9095" "exec try-leat-0 -- /usr/bin/leat why" "fewer than three"; do
		grep -q -- "$words" "$work/said" || fail "NOTES.txt does not say: $words"
	done
	for command in $(sed -n 's/.* -- \/usr\/bin\/leat \([a-z]*\).*/\1/p' "$work/said"); do
		"$leat" "$command" --help >/dev/null 2>&1 || fail "NOTES.txt names leat $command, which leat does not know"
	done
	pass "chart: NOTES.txt"
}

# The pods of the chart as containers, restarted one by one under load.
check_rollout() {
	make_helm
	make_image
	installed runc runc
	rendered=
	render rollout
	go build -o "$work/rollout" ./interop/rollout
	"$work/rollout" -manifest "$work/rollout.yaml" -image "$DIST/leat-image.tar" || fail "rollout"
	pass "rollout: three pods, restarted one by one by readiness"
}
