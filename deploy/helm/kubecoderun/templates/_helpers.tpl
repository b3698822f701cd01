{{- define "kubecoderun.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kubecoderun.fullname" -}}
{{- $name := include "kubecoderun.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "kubecoderun.selector" -}}
app.kubernetes.io/name: {{ include "kubecoderun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: api
{{- end }}

{{- define "kubecoderun.labels" -}}
{{ include "kubecoderun.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "kubecoderun.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "kubecoderun.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- /* The value at a path such as redis.ssl.enabled as {"found": …, "text": …}: what is not there, or empty, is not found. */ -}}
{{- define "kubecoderun.at" -}}
{{- $at := .values -}}
{{- range splitList "." .path -}}
{{- if and (kindIs "map" $at) (hasKey $at .) -}}{{- $at = index $at . -}}{{- else -}}{{- $at = "" -}}{{- end -}}
{{- end -}}
{{- if kindIs "slice" $at -}}{{- $at = join "," $at -}}{{- end -}}
{{- if kindIs "float64" $at -}}{{- if eq (floor $at) $at -}}{{- $at = int64 $at -}}{{- end -}}{{- end -}}
{{- if kindIs "map" $at -}}{{- $at = ternary "" "set" (empty $at) -}}{{- end -}}
{{- dict "found" (not (or (kindIs "invalid" $at) (eq (toString $at) ""))) "text" (toString $at) | toJson -}}
{{- end }}

{{- /* The parts of Redis' address are told only when there is a host: without one there is an address as a whole. */ -}}
{{- define "kubecoderun.settings" -}}
{{- $redis := .Values.redis -}}
{{- range .Files.Lines "files/settings.txt" -}}
{{- $words := splitList " " . -}}
{{- if eq (len $words) 2 -}}
{{- $name := index $words 0 -}}
{{- $value := include "kubecoderun.at" (dict "values" $.Values "path" (index $words 1)) | fromJson -}}
{{- $part := and (has $name (list "REDIS_PORT" "REDIS_DB")) (not $redis.host) -}}
{{- $secret := and $.Values.secretsStore.enabled (has $name (list "MINIO_ENDPOINT" "MINIO_BUCKET")) -}}
{{- if and $value.found (not $part) (not $secret) }}
{{ $name }}: {{ $value.text | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
