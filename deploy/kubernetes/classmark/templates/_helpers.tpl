{{- define "classmark.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end -}}

{{- define "classmark.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "classmark.metadata" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "classmark.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The Secret with the file of hashed keys, or nothing. */}}
{{- define "classmark.keysSecret" -}}
{{- if .Values.apiKeys.hashes }}{{ include "classmark.name" . }}-api-keys{{ else }}{{ .Values.apiKeys.existingSecret }}{{ end -}}
{{- end -}}

{{/* What a pod has: the number that the service takes by itself, or from the requested CPUs. */}}
{{- define "classmark.executors" -}}
{{- if .Values.settings.executors }}{{ int .Values.settings.executors }}
{{- else if eq .Values.settings.device "cuda" }}2
{{- else }}{{ int .Values.resources.requests.cpu }}{{ end -}}
{{- end -}}

{{/* The settings as variables; YAML's numbers are floats, and 1048576 must not become 1.048576e+06. */}}
{{- define "classmark.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}{{ $value = int64 $value }}{{ end }}
- name: CLASSMARK_{{ $name | snakecase | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* Up by the double at most; down slowly, and to no less than the last five minutes asked for. */}}
{{- define "classmark.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies: [{type: Percent, value: 100, periodSeconds: 15}]
scaleDown:
  stabilizationWindowSeconds: 300
  policies: [{type: Percent, value: 20, periodSeconds: 60}]
{{- end -}}
