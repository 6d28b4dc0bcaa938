{{- define "porter.labels" -}}
app.kubernetes.io/name: porter
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "porter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "porter.probed" -}}
{{- if not (has .Values.http.host (list "0.0.0.0" "[::]")) -}}
host: {{ .Values.http.host }}
{{ end -}}
port: {{ .Values.http.port }}
{{- end -}}
