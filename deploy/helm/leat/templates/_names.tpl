{{- define "leat.name" -}}
{{- if contains "leat" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-leat" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "leat.selector" -}}
app.kubernetes.io/name: leat
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "leat.labels" -}}
{{ include "leat.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "leat.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "leat.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end -}}
{{- end }}

{{/* where a pod is found by the others */}}
{{- define "leat.domain" -}}
{{ include "leat.name" . }}-nodes.{{ .Release.Namespace }}.svc
{{- end }}

{{/* listeners beside CLIENTS and CONTROLLER, as a list in JSON: name, port, protocol */}}
{{- define "leat.listeners" -}}
{{- $all := .Values.listeners -}}
{{- with .Values.external -}}
{{- if .enabled }}{{ $all = append $all (dict "name" .name "port" .port "protocol" .protocol) }}{{ end -}}
{{- end -}}
{{- $names := list -}}
{{- $ports := list -}}
{{- range $all -}}
{{- if has .name $names }}{{ fail (printf "listeners: two are called %s: give each a name of its own, external.name too" .name) }}{{ end -}}
{{- if has (int .port) $ports }}{{ fail (printf "listeners: two have port %d: give each a port of its own, external.port too" (int .port)) }}{{ end -}}
{{- $names = append $names .name -}}
{{- $ports = append $ports (int .port) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{/* what a client outside is told of a node: host and port */}}
{{- define "leat.external" -}}
{{- $x := .root.Values.external -}}
{{- $id := int .id -}}
{{- $host := "" -}}
{{- if eq (len $x.hosts) 1 -}}
{{- $host = index $x.hosts 0 -}}
{{- else if lt $id (len $x.hosts) -}}
{{- $host = index $x.hosts $id -}}
{{- end -}}
{{- if not $host }}{{ fail (printf "external.hosts: node %d has none: give one for each of the %d nodes, or one text with {id} in it" $id (int .root.Values.replicas)) }}{{ end -}}
{{- $port := int $x.port -}}
{{- if eq $x.type "NodePort" -}}
{{- if ge $id (len $x.nodePorts) }}{{ fail (printf "external.nodePorts: node %d has none: with NodePort give one for each of the %d nodes" $id (int .root.Values.replicas)) }}{{ end -}}
{{- $port = int (index $x.nodePorts $id) -}}
{{- else if and (eq (len $x.hosts) 1) (gt (int .root.Values.replicas) 1) (not (contains "{id}" $host)) -}}
{{- fail (printf "external.hosts: %s is the address of all nodes: clients have to reach each of them, so write {id} where its number belongs" $host) -}}
{{- end -}}
{{- printf "%s:%d" (replace "{id}" (toString $id) $host) $port -}}
{{- end }}
