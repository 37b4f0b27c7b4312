{{/* What fits together, or nothing is installed: each refusal names the value, the limit, the remedy. */}}
{{- define "classmark.checks" -}}
{{- $settings := .Values.settings -}}
{{- $least := addf .Values.stop.preStopSeconds $settings.drainSeconds $settings.requestTimeoutSeconds -}}
{{- if le (float64 .Values.stop.graceSeconds) (float64 $least) -}}
{{- fail (printf "stop.graceSeconds is %v; it must be over %v, the sum of stop.preStopSeconds, settings.drainSeconds and settings.requestTimeoutSeconds, or requests are cut off: raise it" .Values.stop.graceSeconds $least) -}}
{{- end -}}
{{- if and .Values.apiKeys.hashes .Values.apiKeys.existingSecret -}}
{{- fail (printf "apiKeys.hashes has keys and apiKeys.existingSecret is %q; one of them is the file of keys: empty the other" .Values.apiKeys.existingSecret) -}}
{{- end -}}
{{- if not (or (include "classmark.keysSecret" .) $settings.allowAnonymous) -}}
{{- fail "there are no API keys: set apiKeys.existingSecret or apiKeys.hashes, or settings.allowAnonymous if something in front of the service guards it" -}}
{{- end -}}
{{- if and .Values.store.bucket (or .Values.store.volume .Values.store.folder) -}}
{{- fail (printf "store.bucket is %q, and store.volume or store.folder is set; bundles come from one place: empty the others" .Values.store.bucket) -}}
{{- end -}}
{{- if and .Values.store.bucket .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) -}}
{{- fail (printf "networkPolicy.egress is empty, so no pod reaches %s: name whom it may reach, [{}] for all" .Values.store.bucket) -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas is %v, over autoscaling.maxReplicas, which is %v: lower it" .Values.autoscaling.minReplicas .Values.autoscaling.maxReplicas) -}}
{{- end -}}
{{- if and (eq .Values.autoscaling.by "cpu") (eq $settings.device "cuda") -}}
{{- fail "autoscaling.by is cpu and settings.device is cuda; a full GPU leaves CPUs idle: take keda" -}}
{{- end -}}
{{- end -}}
