{{/* every node votes */}}
{{- define "leat.voters" -}}
{{- $voters := list -}}
{{- range $i := until (int .Values.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" $i (include "leat.name" $) $i (include "leat.domain" $)) -}}
{{- end -}}
{{- join "," $voters -}}
{{- end }}

{{/* a value as a property has it: numbers in digits, one line */}}
{{- define "leat.value" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ toString . | replace "\n" "\\n" }}{{ end -}}
{{- end }}

{{/* numbers of replicas that so many nodes can hold */}}
{{- define "leat.replication" -}}
{{- $copies := min 3 (int .Values.replicas) -}}
{{- $inSync := max 1 (sub $copies 1) -}}
default.replication.factor: {{ $copies }}
min.insync.replicas: {{ $inSync }}
offsets.topic.replication.factor: {{ $copies }}
transaction.state.log.replication.factor: {{ $copies }}
transaction.state.log.min.isr: {{ $inSync }}
share.coordinator.state.topic.replication.factor: {{ $copies }}
share.coordinator.state.topic.min.isr: {{ $inSync }}
leat.delay.topic.replication.factor: {{ $copies }}
leat.delay.topic.min.isr: {{ $inSync }}
leat.audit.topic.replication.factor: {{ $copies }}
leat.audit.topic.min.isr: {{ $inSync }}
{{- end }}

{{/* keys that the chart sets itself */}}
{{- define "leat.taken" -}}
{{- toJson (list "node.id" "broker.id" "process.roles" "log.dirs" "log.dir" "listeners" "advertised.listeners" "listener.security.protocol.map" "controller.quorum.voters" "controller.quorum.bootstrap.servers" "controller.listener.names" "inter.broker.listener.name" "leat.http.listener") -}}
{{- end }}

{{/* server.properties of one node: root, id */}}
{{- define "leat.properties" -}}
{{- $root := .root -}}
{{- $id := .id -}}
{{- $host := printf "%s-%d.%s" (include "leat.name" $root) (int $id) (include "leat.domain" $root) -}}
{{- $inner := ternary "SSL" "PLAINTEXT" $root.Values.tls.internal -}}
{{- $bound := list "CLIENTS://0.0.0.0:9092" -}}
{{- $told := list (printf "CLIENTS://%s:9092" $host) -}}
{{- $protocols := list (printf "CLIENTS:%s" $inner) -}}
{{- $tls := $root.Values.tls.internal -}}
{{- range fromJsonArray (include "leat.listeners" $root) -}}
{{- $address := printf "%s:%d" $host (int .port) -}}
{{- if and $root.Values.external.enabled (eq .name $root.Values.external.name) }}{{ $address = include "leat.external" (dict "root" $root "id" $id) }}{{ end -}}
{{- $bound = append $bound (printf "%s://0.0.0.0:%d" .name (int .port)) -}}
{{- $told = append $told (printf "%s://%s" .name $address) -}}
{{- $protocols = append $protocols (printf "%s:%s" .name .protocol) -}}
{{- if contains "SSL" (trimPrefix "SASL_" .protocol) }}{{ $tls = true }}{{ end -}}
{{- end -}}
node.id={{ int $id }}
process.roles=broker,controller
log.dirs=/var/lib/leat/data
leat.http.listener=0.0.0.0:9644
controller.quorum.voters={{ include "leat.voters" $root }}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listeners={{ join "," (append $bound "CONTROLLER://0.0.0.0:9093") }}
advertised.listeners={{ join "," (append $told (printf "CONTROLLER://%s:9093" $host)) }}
listener.security.protocol.map={{ join "," (append $protocols (printf "CONTROLLER:%s" $inner)) }}
{{- if and $tls $root.Values.tls.secret }}
ssl.keystore.type=PEM
ssl.keystore.certificate.chain=${file:/etc/leat/tls/tls.crt}
ssl.keystore.key=${file:/etc/leat/tls/tls.key}
ssl.truststore.type=PEM
ssl.truststore.certificates=${file:/etc/leat/tls/ca.crt}
ssl.client.auth={{ $root.Values.tls.clientAuth }}
{{- range fromJsonArray (include "leat.listeners" $root) }}
{{- if and (eq .protocol "SASL_SSL") (ne $root.Values.tls.clientAuth "none") }}
listener.name.{{ lower .name }}.ssl.client.auth={{ $root.Values.tls.clientAuth }}
{{- end }}
{{- end }}
{{- end }}
{{- $config := merge (dict) $root.Values.config (fromYaml (include "leat.replication" $root)) }}
{{- range $key, $value := $config }}
{{- if has $key (fromJsonArray (include "leat.taken" $root)) }}{{ fail (printf "config: %s is set by the chart: remove it (listeners and external name further listeners)" $key) }}{{ end }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }}={{ include "leat.value" $value }}
{{- end }}
{{- end }}
{{- with $root.Values.extraConfig }}
{{ . | trimSuffix "\n" }}
{{- end }}
{{- end }}
