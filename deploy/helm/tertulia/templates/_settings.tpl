{{/* What the processes are told: addresses, secrets, configuration keys. */}}

{{- define "tertulia.http-port" -}}8080{{- end }}
{{- define "tertulia.tls-port" -}}8443{{- end }}
{{- define "tertulia.internal-port" -}}8081{{- end }}
{{- define "tertulia.internal-scheme" -}}{{ .Values.internalTls.enabled | ternary "https" "http" }}{{- end }}

{{/* Seconds as the processes read a time. */}}
{{- define "tertulia.time" -}}
{{- $seconds := int . -}}
{{ printf "%02d:%02d:%02d" (div $seconds 3600) (div (mod $seconds 3600) 60) (mod $seconds 60) }}
{{- end }}

{{/* The secret that the job makes and never changes. */}}
{{- define "tertulia.generated" -}}{{ include "tertulia.fullname" . }}-generated{{- end }}

{{/* A key of a secret, the generated one when none is named: (list $ "NAME" "KEY"). */}}
{{- define "tertulia.secret" -}}
{name: {{ default (include "tertulia.generated" (index . 0)) (index . 1) }}, key: {{ index . 2 }}}
{{- end }}

{{/* Whether tokens are signed with a shared secret: always, unless other keys are given and no secret is. */}}
{{- define "tertulia.has-token-secret" -}}
{{- if or .Values.auth.existingSecret (not (or .Values.auth.publicKeys .Values.auth.jwksUrl)) }}yes{{ end }}
{{- end }}

{{/* What the job has to make: KEY=BYTES, one a line. */}}
{{- define "tertulia.generated-keys" -}}
{{- if not .Values.internal.existingSecret }}{{ .Values.internal.key }}=32{{ "\n" }}{{ end }}
{{- if and (include "tertulia.has-token-secret" .) (not .Values.auth.existingSecret) }}{{ .Values.auth.key }}=32{{ "\n" }}{{ end }}
{{- if and (eq .Values.rabbitmq.mode "embedded") (not .Values.rabbitmq.embedded.existingSecret) }}{{ .Values.rabbitmq.embedded.key }}=24{{ "\n" }}{{ end }}
{{- if and (eq (include "tertulia.store-mode" .) "postgresql-embedded") (not .Values.postgresql.embedded.existingSecret) }}{{ .Values.postgresql.embedded.key }}=24{{ "\n" }}{{ end }}
{{- with .Values.mongodb }}
{{- if and (eq (include "tertulia.store-mode" $) "mongodb-embedded") (not .embedded.existingSecret) }}
{{- range list .embedded.key .embedded.rootKey .embedded.setKey }}{{ . }}=32{{ "\n" }}{{ end }}
{{- else if and (eq (include "tertulia.store-mode" $) "mongodb-operator") (not .operator.existingSecret) }}{{ .operator.key }}=32{{ "\n" }}
{{- end }}
{{- end }}
{{- if and .Values.coturn.enabled (not .Values.coturn.existingSecret) }}{{ .Values.coturn.key }}=24{{ "\n" }}{{ end }}
{{- end }}

{{- define "tertulia.store-mode" -}}
{{ .Values.store.kind }}-{{ (index .Values .Values.store.kind).mode }}
{{- end }}

{{/* Keys that all processes read alike, as the data of a ConfigMap. */}}
{{- define "tertulia.shared-settings" -}}
{{- $settings := dict
  "ASPNETCORE_ENVIRONMENT" .Values.environment
  "Bus__Partitions" (toString .Values.partitions)
  "Bus__RabbitMq__Prefix" .Values.rabbitmq.prefix
  "Drain__Grace" (include "tertulia.time" .Values.drain.graceSeconds)
  "urls" (printf "http://*:%s" (include "tertulia.http-port" .))
}}
{{- if .Values.otel.endpoint }}
  {{- $_ := set $settings "OTEL_EXPORTER_OTLP_ENDPOINT" .Values.otel.endpoint }}
  {{- $_ := set $settings "OTEL_EXPORTER_OTLP_PROTOCOL" .Values.otel.protocol }}
  {{- $_ := set $settings "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" }}
  {{- $_ := set $settings "OTEL_TRACES_SAMPLER_ARG" .Values.otel.sampled }}
{{- end }}
{{- range $key, $value := .Values.config }}{{ $_ := set $settings $key (toString $value) }}{{ end }}
{{- toYaml $settings }}
{{- end }}

{{/*
The maps below are "variable: text" or "variable: {name, key}" for a key of a secret; tertulia.env makes a container's list of them.
*/}}

{{- define "tertulia.internal-settings" -}}
Internal__Secret: {{ include "tertulia.secret" (list . .Values.internal.existingSecret .Values.internal.key) }}
{{- with .Values.internal.alsoAcceptedKey }}
Internal__AlsoAccepted: {{ include "tertulia.secret" (list $ $.Values.internal.existingSecret .) }}
{{- end }}
{{- if .Values.internalTls.enabled }}
Internal__Tls__Certificate: /internal-tls/tls.crt
Internal__Tls__Key: /internal-tls/tls.key
Internal__Tls__Authority: /internal-tls/ca.crt
{{- end }}
{{- end }}

{{- define "tertulia.bus-settings" -}}
{{- $name := printf "%s-rabbitmq" (include "tertulia.fullname" .) }}
{{- if eq .Values.rabbitmq.mode "embedded" }}
RABBITMQ_PASSWORD: {{ include "tertulia.secret" (list . .Values.rabbitmq.embedded.existingSecret .Values.rabbitmq.embedded.key) }}
Bus__RabbitMq__Uri: amqp://tertulia:$(RABBITMQ_PASSWORD)@{{ $name }}:5672/
{{- else if eq .Values.rabbitmq.mode "operator" }}
Bus__RabbitMq__Uri: {name: {{ $name }}-default-user, key: connection_string}
{{- else }}
Bus__RabbitMq__Uri: {name: {{ required "rabbitmq.mode is external: rabbitmq.external.existingSecret is needed" .Values.rabbitmq.external.existingSecret }}, key: {{ .Values.rabbitmq.external.key }}}
{{- end }}
{{- end }}

{{/* Of the services that keep data. */}}
{{- define "tertulia.store-settings" -}}
{{- if eq .Values.store.kind "mongodb" }}
{{- $name := include "tertulia.mongodb-name" . }}
Store__Kind: MongoDb
{{- if eq .Values.mongodb.mode "embedded" }}
MONGODB_PASSWORD: {{ include "tertulia.secret" (list . .Values.mongodb.embedded.existingSecret .Values.mongodb.embedded.key) }}
Store__ConnectionString: mongodb://tertulia:$(MONGODB_PASSWORD)@{{ $name }}-0.{{ $name }}:27017/tertulia?replicaSet=rs0&authSource=tertulia
{{- else if eq .Values.mongodb.mode "operator" }}
Store__ConnectionString: {name: {{ $name }}-connection, key: connectionString.standard}
{{- else }}
Store__ConnectionString: {name: {{ required "mongodb.mode is external: mongodb.external.existingSecret is needed" .Values.mongodb.external.existingSecret }}, key: {{ .Values.mongodb.external.key }}}
{{- end }}
{{- else if eq .Values.postgresql.mode "embedded" }}
POSTGRESQL_PASSWORD: {{ include "tertulia.secret" (list . .Values.postgresql.embedded.existingSecret .Values.postgresql.embedded.key) }}
Store__Kind: Postgres
Store__ConnectionString: Host={{ include "tertulia.fullname" . }}-postgresql;Database=tertulia;Username=tertulia;Password=$(POSTGRESQL_PASSWORD)
{{- else }}
Store__Kind: Postgres
Store__ConnectionString: {name: {{ required "postgresql.mode is external: postgresql.external.existingSecret is needed" .Values.postgresql.external.existingSecret }}, key: {{ .Values.postgresql.external.key }}}
{{- end }}
{{- end }}

{{/* gRPC: every pod behind a headless name is balanced over by the caller itself. */}}
{{- define "tertulia.listen-settings" -}}
Listen__Http2: {{ include "tertulia.internal-scheme" . }}://*:{{ include "tertulia.internal-port" . }}
{{- end }}

{{- define "tertulia.service-address" -}}
dns:///{{ include "tertulia.fullname" (index . 0) }}-{{ index . 1 }}:{{ include "tertulia.internal-port" . }}
{{- end }}

{{/* A container's variables: (list COMPONENT SETTINGS). Secrets come first, because a text may name them as $(NAME). */}}
{{- define "tertulia.env" -}}
{{- $component := index . 0 }}
{{- $settings := index . 1 }}
{{- range $key, $value := $component.config }}{{ $_ := set $settings $key (toString $value) }}{{ end }}
{{- range $name, $value := $settings }}{{ if kindIs "map" $value }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $value.name }}, key: {{ $value.key }}}}
{{- end }}{{ end }}
{{- range $name, $value := $settings }}{{ if not (kindIs "map" $value) }}
- name: {{ $name }}
  value: {{ toString $value | quote }}
{{- end }}{{ end }}
{{- with $component.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Changes when a secret that is there already is changed; nothing where the cluster cannot be asked (helm template). */}}
{{- define "tertulia.secrets-checksum" -}}
{{- $sum := "" }}
{{- range $name := list .Values.internal.existingSecret .Values.auth.existingSecret .Values.rabbitmq.external.existingSecret .Values.postgresql.external.existingSecret .Values.mongodb.external.existingSecret }}
  {{- if $name }}
    {{- $secret := lookup "v1" "Secret" $.Release.Namespace $name | default dict }}
    {{- $sum = printf "%s%s" $sum (get $secret "data" | toJson) }}
  {{- end }}
{{- end }}
{{- sha256sum $sum }}
{{- end }}
