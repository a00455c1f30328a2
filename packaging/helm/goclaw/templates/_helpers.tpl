{{/* Names and labels, almost as `helm create` generates them. A name has at most 52 characters, because Kubernetes
appends 11 characters to a StatefulSet's name in a label, which may have 63. */}}
{{- define "goclaw.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "goclaw.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "goclaw.labels" -}}
{{ include "goclaw.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Fails with one sentence if the values cannot work, before anything is installed. */}}
{{- define "goclaw.check" -}}
{{- if not .Values.image.repository }}{{ fail "image.repository is empty: name the registry and image that you pushed" }}{{ end }}
{{- if not .Values.existingSecret }}{{ fail "existingSecret is empty: name a secret with token and key (docs/install.md)" }}{{ end }}
{{- if and (gt (int .Values.replicas) 1) (not .Values.database.enabled) }}{{ fail "replicas > 1 needs database.enabled=true: a SQLite file belongs to one gateway" }}{{ end }}
{{- end }}
