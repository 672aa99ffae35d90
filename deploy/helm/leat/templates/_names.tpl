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
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "leat.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "leat.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end -}}
{{- end }}

{{/* where a pod is found by the others */}}
{{- define "leat.domain" -}}
{{ include "leat.name" . }}-nodes.{{ .Release.Namespace }}.svc
{{- end }}

{{/* every node votes */}}
{{- define "leat.voters" -}}
{{- $voters := list -}}
{{- range $i := until (int .Values.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" $i (include "leat.name" $) $i (include "leat.domain" $)) -}}
{{- end -}}
{{- join "," $voters -}}
{{- end }}
