{{/* What the objects are called after. */}}
{{- define "trimtab.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects: that of the release, and of the chart where the release's doesn't say it. Short enough for a suffix. */}}
{{- define "trimtab.fullname" -}}
{{- $name := include "trimtab.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Labels by which pods are found; they never change. */}}
{{- define "trimtab.selectorLabels" -}}
app.kubernetes.io/name: {{ include "trimtab.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "trimtab.labels" -}}
{{ include "trimtab.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The service account of the pods. */}}
{{- define "trimtab.serviceAccountName" -}}
{{- default (ternary (include "trimtab.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* The port of an address, host:port. */}}
{{- define "trimtab.port" -}}
{{- regexFind "[0-9]+$" . }}
{{- end }}

{{/* What the port of gRPC speaks, for meshes and gateways. */}}
{{- define "trimtab.appProtocol" -}}
{{- default (ternary "https" "kubernetes.io/h2c" (eq (include "trimtab.tls" .) "true")) .Values.service.appProtocol }}
{{- end }}

{{/* What a probe asks: of the server's health service, whether the process lives (no service named), or whether it can answer calls (readiness). Kubernetes' own gRPC probes don't speak TLS. */}}
{{- define "trimtab.probe" -}}
{{- if include "trimtab.tls" .root -}}
tcpSocket:
  port: grpc
{{- else -}}
grpc:
  port: {{ include "trimtab.port" .root.Values.config.address }}
  {{- with .service }}
  service: {{ . }}
  {{- end }}
{{- end }}
{{ toYaml .timing }}
{{- end }}
