{{/* The environment variable of a field of the configuration. */}}
{{- define "trimtab.variable" -}}
TRIMTAB_{{ snakecase . | upper }}
{{- end }}

{{/* A value as text. Helm reads every number as a float and would write 4194304 as 4.194304e+06. */}}
{{- define "trimtab.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Where the database is, as far as the chart knows: empty where an existing Secret says it. */}}
{{- define "trimtab.database" -}}
{{- if not .Values.existingSecrets.database.name -}}
{{- default (printf "sqlite:///%s/trimtab.db" .Values.persistence.mountPath) .Values.config.database }}
{{- end }}
{{- end }}

{{/* "true" where the server speaks TLS, else empty. Refuses to ask for clients' certificates without it. */}}
{{- define "trimtab.tls" -}}
{{- if and .Values.tls.verifyClients (not .Values.tls.existingSecret) }}
{{- fail "tls.verifyClients needs tls.existingSecret, a Secret with tls.crt, tls.key and ca.crt (with files of your own: config.tlsClientCa)" }}
{{- end }}
{{- if or .Values.tls.existingSecret .Values.config.tlsCertificate -}}
true
{{- end }}
{{- end }}

{{/* "true" where the database is SQLite, else empty. Refuses what SQLite cannot do. */}}
{{- define "trimtab.sqlite" -}}
{{- $database := include "trimtab.database" . }}
{{- if hasPrefix "sqlite:" $database }}
{{- if or (gt (int .Values.replicaCount) 1) .Values.autoscaling.enabled }}
{{- fail "SQLite is one file for one server: set config.database (or existingSecrets.database) to a PostgreSQL URL, or replicaCount to 1 without autoscaling" }}
{{- end }}
{{- if not (hasPrefix (printf "sqlite:///%s/" .Values.persistence.mountPath) $database) }}
{{- fail (printf "config.database: a SQLite file must lie on the volume, sqlite:///%s/NAME" .Values.persistence.mountPath) }}
{{- end -}}
true
{{- end }}
{{- end }}
