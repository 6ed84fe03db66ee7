{{/* One service of the product: Deployment, account, budget, scaling. Called with a map: root, name, program, settings, https. */}}

{{- define "tertulia.workload" -}}
{{- $root := .root }}
{{- $name := printf "%s-%s" (include "tertulia.fullname" $root) .name }}
{{- $component := include "tertulia.component" (list $root .name) | fromYaml }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "tertulia.metadata" (list $root .name $name) | nindent 2 }}
spec:
  {{- if not $component.autoscaling.enabled }}
  replicas: {{ $component.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "tertulia.selector" (list $root .name) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- $labels := include "tertulia.labels" (list $root .name) | fromYaml }}
        {{- toYaml (merge (dict) $labels $component.podLabels $root.Values.commonLabels) | nindent 8 }}
      annotations:
        checksum/config: {{ include "tertulia.shared-settings" $root | sha256sum }}
        checksum/secrets: {{ include "tertulia.secrets-checksum" $root }}
        {{- with $component.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "tertulia.account" (list $component.serviceAccount $name) }}
      {{- include "tertulia.pod-security" (list 1654) | nindent 6 }}
      {{- include "tertulia.pull-secrets" $root | nindent 6 }}
      # What the pod waits before SIGTERM, what the process takes to drain, and 15 seconds for its exit.
      terminationGracePeriodSeconds: {{ add $component.preStopSeconds $root.Values.drain.graceSeconds 15 }}
      {{- with $component.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $component.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $component.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $component.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $component.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $component.topologySpread.whenUnsatisfiable }}
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "tertulia.selector" (list $root $.name) | nindent 14 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          {{- include "tertulia.product-image" $root | nindent 10 }}
          {{- include "tertulia.container-security" ($component.readOnlyRootFilesystem | ternary "" "writable") | nindent 10 }}
          command: [dotnet, {{ .program }}.dll]
          {{- with $component.args }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - {name: http, containerPort: {{ include "tertulia.http-port" . }}}
            {{- if .https }}
            - {name: https, containerPort: {{ include "tertulia.tls-port" . }}}
            {{- end }}
            {{- if ne .name "gateway" }}
            - {name: internal, containerPort: {{ include "tertulia.internal-port" . }}}
            {{- end }}
          envFrom:
            - configMapRef: {name: {{ include "tertulia.fullname" $root }}-settings}
            {{- with $component.envFrom }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            {{- include "tertulia.env" (list $component .settings) | trim | nindent 12 }}
          {{- with $component.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          startupProbe:
            httpGet: {path: /health/live, port: http}
            {{- toYaml $component.probes.startup | nindent 12 }}
          readinessProbe:
            httpGet: {path: /health/ready, port: http}
            {{- toYaml $component.probes.readiness | nindent 12 }}
          livenessProbe:
            httpGet: {path: /health/live, port: http}
            {{- toYaml $component.probes.liveness | nindent 12 }}
          {{- if $component.preStopSeconds }}
          lifecycle:
            preStop: {sleep: {seconds: {{ $component.preStopSeconds }}}}
          {{- end }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if .https }}
            - {name: tls, mountPath: /tls, readOnly: true}
            {{- end }}
            {{- if $root.Values.internalTls.enabled }}
            - {name: internal-tls, mountPath: /internal-tls, readOnly: true}
            {{- end }}
            {{- with $component.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
        {{- with $component.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
        {{- if .https }}
        - name: tls
          secret: {secretName: {{ .https }}}
        {{- end }}
        {{- if $root.Values.internalTls.enabled }}
        - name: internal-tls
          secret: {secretName: {{ default (printf "%s-internal" $name) $root.Values.internalTls.existingSecret }}, defaultMode: 0440}
        {{- end }}
        {{- with $component.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
---
{{- if $component.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "tertulia.metadata" (list $root .name (include "tertulia.account" (list $component.serviceAccount $name))) | nindent 2 }}
  {{- with $component.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
{{- end }}
{{- if $component.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "tertulia.metadata" (list $root .name $name) | nindent 2 }}
spec:
  maxUnavailable: {{ $component.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tertulia.selector" (list $root .name) | nindent 6 }}
---
{{- end }}
{{- with $component.autoscaling }}{{ if .enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "tertulia.metadata" (list $root $.name $name) | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    {{- if .connections }}
    - type: Pods
      pods:
        metric: {name: {{ eq $.name "gateway" | ternary "tertulia_gateway_sockets" "tertulia_connections" }}}
        target: {type: AverageValue, averageValue: {{ int64 .connections | quote }}}
    {{- end }}
    {{- if .outboxBytes }}
    - type: Pods
      pods:
        metric: {name: tertulia_outbox_bytes}
        target: {type: AverageValue, averageValue: {{ int64 .outboxBytes | quote }}}
    {{- end }}
    {{- if .cpu }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .cpu }}}
    {{- end }}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
      policies:
        - {type: Percent, value: 100, periodSeconds: 60}
    scaleDown:
      stabilizationWindowSeconds: {{ .scaleDownWindowSeconds }}
      policies:
        - {type: Pods, value: {{ .scaleDownPods }}, periodSeconds: 300}
{{- end }}{{ end }}
{{- end }}

{{/* Name of a component's account: (list SERVICE-ACCOUNT OWN-NAME). */}}
{{- define "tertulia.account" -}}
{{- $account := index . 0 -}}
{{ default ($account.create | ternary (index . 1) "default") $account.name }}
{{- end }}

{{/* Every pod of a component by a name of its own: (list $ "message" PUBLISH-NOT-READY). */}}
{{- define "tertulia.headless" -}}
{{- $root := index . 0 }}
apiVersion: v1
kind: Service
metadata:
  {{- include "tertulia.metadata" (list $root (index . 1) (printf "%s-%s" (include "tertulia.fullname" $root) (index . 1))) | nindent 2 }}
spec:
  clusterIP: None
  {{- if index . 2 }}
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "tertulia.selector" (list $root (index . 1)) | nindent 4 }}
  ports:
    - {name: internal, port: {{ include "tertulia.internal-port" . }}, targetPort: internal, appProtocol: {{ $root.Values.internalTls.enabled | ternary "https" "kubernetes.io/h2c" }}}
    - {name: http, port: {{ include "tertulia.http-port" . }}, targetPort: http, appProtocol: http}
{{- end }}
