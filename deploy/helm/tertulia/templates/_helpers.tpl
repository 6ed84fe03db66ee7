{{/* Names, labels, images, and how every object leaves the chart. */}}

{{- define "tertulia.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "tertulia.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "tertulia.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tertulia.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What a service, a policy or a budget selects: (list $ "gateway"). */}}
{{- define "tertulia.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tertulia.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of every object of a component: (list $ "gateway"). Those that change with a version are not selected by. */}}
{{- define "tertulia.labels" -}}
{{- $root := index . 0 -}}
{{ include "tertulia.selector" . }}
app.kubernetes.io/part-of: tertulia
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Head of an object: (list $ "gateway" "name"). Namespace, labels and annotations are the same for all of them. */}}
{{- define "tertulia.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "tertulia.labels" (list $root (index . 1)) | nindent 2 }}
{{- end }}

{{- define "tertulia.image" -}}
{{- $image := index . 0 -}}
{{- $tag := default (index . 1) $image.tag -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- define "tertulia.product-image" -}}
image: {{ include "tertulia.image" (list .Values.image .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "tertulia.pull-secrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A pod that may nothing: (list USER). */}}
{{- define "tertulia.pod-security" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 0 }}
  runAsGroup: {{ index . 0 }}
  fsGroup: {{ index . 0 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The same for a container: "writable" is the one that may write its files. */}}
{{- define "tertulia.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ ne (toString .) "writable" }}
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Lays one map over another one, in place: null removes, lists are replaced. (Sprig's mergeOverwrite passes over false and 0.) */}}
{{- define "tertulia.overlay" -}}
{{- $base := index . 0 }}
{{- range $key, $value := index . 1 }}
  {{- if kindIs "invalid" $value }}
    {{- $_ := unset $base $key }}
  {{- else if and (kindIs "map" $value) (kindIs "map" (index $base $key)) }}
    {{- include "tertulia.overlay" (list (index $base $key) $value) }}
  {{- else }}
    {{- $_ := set $base $key $value }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A component's values over the defaults: (list $ "gateway"). */}}
{{- define "tertulia.component" -}}
{{- $root := index . 0 }}
{{- $values := deepCopy $root.Values.defaults }}
{{- include "tertulia.overlay" (list $values (index $root.Values (index . 1))) }}
{{- toYaml $values }}
{{- end }}

{{/*
Writes the objects of a template, divided by lines of ---: (list $ "tertulia.gateway").
Here every object gets the common labels and annotations, and the patches that are meant for it.
*/}}
{{- define "tertulia.emit" -}}
{{- $root := index . 0 }}
{{- range $text := splitList "\n---\n" (printf "%s\n" (include (index . 1) $root)) }}
  {{- if trim $text }}
    {{- include "tertulia.emit-one" (list $root $text) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tertulia.emit-one" -}}
{{- $root := index . 0 }}
{{- $object := fromYaml (index . 1) }}
{{- if hasKey $object "Error" }}{{ fail (printf "%s in:\n%s" $object.Error (index . 1)) }}{{ end }}
{{- $common := dict "metadata" (dict "labels" (deepCopy $root.Values.commonLabels) "annotations" (deepCopy $root.Values.commonAnnotations)) }}
{{- include "tertulia.overlay" (list $common $object) }}
{{- if not $common.metadata.annotations }}{{ $_ := unset $common.metadata "annotations" }}{{ end }}
{{- range $patch := $root.Values.patches }}
  {{- $name := default "" $patch.name }}
  {{- $own := eq $name (trimPrefix (printf "%s-" (include "tertulia.fullname" $root)) $common.metadata.name) }}
  {{- if and (eq $patch.kind $common.kind) (or (not $name) $own (eq $name $common.metadata.name)) }}
    {{- include "tertulia.overlay" (list $common $patch.patch) }}
  {{- end }}
{{- end }}
---
{{ toYaml $common }}
{{ end }}

{{/* A list or a map that must not be empty, which is nothing that "required" sees: (list VALUE SENTENCE). */}}
{{- define "tertulia.needed" -}}
{{- if not (index . 0) }}{{ fail (index . 1) }}{{ end }}
{{- toYaml (index . 0) }}
{{- end }}

{{/* Values that are no more: the sentence of moved.yaml. */}}
{{- define "tertulia.check-moved" -}}
{{- range $path, $hint := .Files.Get "moved.yaml" | fromYaml }}
  {{- $found := $.Values }}
  {{- range $part := splitList "." $path }}
    {{- $found = kindIs "map" $found | ternary (get (kindIs "map" $found | ternary $found dict) $part) "" }}
  {{- end }}
  {{- if not (or (kindIs "invalid" $found) (eq (toString $found) "")) }}
    {{- fail (printf "\n\nThe value %s is not there (any more). Use: %s\n" $path $hint) }}
  {{- end }}
{{- end }}
{{- end }}
