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

{{- /* "true" when each run has a pod of its own. */ -}}
{{- define "kubecoderun.pods" -}}
{{- if eq .Values.executor "kubernetes" -}}true{{- else if ne .Values.executor "local" -}}{{ fail "executor is local or kubernetes" }}{{- end -}}
{{- end }}

{{- define "kubecoderun.podNamespace" -}}
{{ dig "namespace" "" .Values.execution | default .Release.Namespace }}
{{- end }}

{{- define "kubecoderun.podAccount" -}}
{{ dig "serviceAccount" "name" "" .Values.execution | default "kubecoderun-executor" }}
{{- end }}

{{- /* What is no plain text: lists of Kubernetes' own objects, and what follows from other values. */ -}}
{{- define "kubecoderun.settingsOfPods" -}}
K8S_IMAGE: {{ dig "image" (printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion)) .Values.execution | quote }}
K8S_IMAGE_PULL_POLICY: {{ dig "imagePullPolicy" .Values.image.pullPolicy .Values.execution }}
K8S_SERVICE_ACCOUNT: {{ include "kubecoderun.podAccount" . | quote }}
{{- $secrets := list -}}
{{- range dig "imagePullSecrets" .Values.imagePullSecrets .Values.execution | default .Values.imagePullSecrets }}{{ $secrets = append $secrets (kindIs "map" . | ternary (get . "name") .) }}{{ end }}
{{- with $secrets }}
K8S_IMAGE_PULL_SECRETS: {{ join "," . | quote }}
{{- end }}
{{- with dig "scheduling" "nodeSelector" nil .Values.execution }}
K8S_POD_NODE_SELECTOR: {{ toJson . | quote }}
{{- end }}
{{- with dig "scheduling" "tolerations" nil .Values.execution }}
K8S_POD_TOLERATIONS: {{ toJson . | quote }}
{{- end }}
{{- end }}

{{- /* The parts of Redis' address are told only when there is a host: without one there is an address as a whole. */ -}}
{{- define "kubecoderun.settings" -}}
{{- $redis := .Values.redis }}
EXECUTOR: {{ .Values.executor }}
{{- if include "kubecoderun.pods" . }}
{{ include "kubecoderun.settingsOfPods" . }}
{{- end }}
{{- $lines := .Files.Lines "files/settings.txt" -}}
{{- if include "kubecoderun.pods" . }}{{ $lines = concat $lines (.Files.Lines "files/pods.txt") }}{{ end -}}
{{- range $lines -}}
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
