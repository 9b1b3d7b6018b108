{{/* Names, labels and what every container has. A name leaves room for what a StatefulSet adds. */}}
{{- define "edgemesh.name" -}}
{{- printf "%s-%s" (.root.Release.Name | trunc 44 | trimSuffix "-") .part -}}
{{- end -}}

{{- define "edgemesh.selector" -}}
app.kubernetes.io/name: edgemesh
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "edgemesh.labels" -}}
{{ include "edgemesh.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "edgemesh.image" -}}
{{- with .root.Values.image -}}
{{- if .registry }}{{ .registry }}/{{ end }}edgemesh-{{ $.part }}:{{ .tag }}
{{- end -}}
{{- end -}}

{{/* What the restricted Pod Security Standard asks for. */}}
{{- define "edgemesh.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
# The 5 s before it is told, and the 30 s that a service lets its calls end in, with some to spare.
terminationGracePeriodSeconds: 45
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "edgemesh.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* grpc.health.v1: it starts, it is alive, it takes work. It serves on until nobody sends to it. */}}
{{- define "edgemesh.probes" -}}
lifecycle:
  preStop:
    exec: {command: [sleep, "5"]}
startupProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  tcpSocket: {port: {{ .port }}}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "edgemesh.scrape" -}}
{{- if .root.Values.scrape }}
annotations:
  prometheus.io/scrape: "true"
  prometheus.io/port: {{ .metrics | quote }}
{{- end }}
{{- end -}}

{{/* A NetworkPolicy's ports of metrics: for those whom `scrapers` names, or for all. */}}
{{- define "edgemesh.scrapers" -}}
- ports:
    - {protocol: TCP, port: {{ .metrics }}}
  {{- with .root.Values.scrapers }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "edgemesh.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "edgemesh.selector" . | nindent 8 }}
{{- end -}}

{{- define "edgemesh.most" -}}
{{- if .autoscaling.enabled }}{{ .autoscaling.max }}{{ else }}{{ .replicas }}{{ end -}}
{{- end -}}

{{/* Ports by service: what is called, and metrics. */}}
{{- define "edgemesh.ports" -}}
{{- toYaml (dict "cpp" (list 50061 9061) "ml" (list 50062 9062) "pywasm" (list 50063 9063)) -}}
{{- end -}}

{{/* Every replica that there may be has a name; one that is not there is away, and asked again. */}}
{{- define "edgemesh.executors" -}}
{{- $ports := include "edgemesh.ports" . | fromYaml -}}
{{- $found := dict -}}
{{- range $part := list "cpp" "ml" "pywasm" -}}
{{- $own := index $.Values $part -}}
{{- if $own.enabled -}}
{{- $name := include "edgemesh.name" (dict "root" $ "part" $part) -}}
{{- $addresses := list -}}
{{- range $number := until (include "edgemesh.most" $own | int) -}}
{{- $addresses = append $addresses (printf "%s-%d.%s.%s.svc:%v" $name $number $name $.Release.Namespace (index $ports $part 0)) -}}
{{- end -}}
{{- $_ := set $found $part $addresses -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "edgemesh.dns" -}}
to:
  - namespaceSelector: {}
    podSelector:
      matchLabels: {k8s-app: kube-dns}
ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end -}}
