{{- /* The release's name where it holds the chart's, else both: headrace, west-headrace. */ -}}
{{- define "headrace.name" -}}
{{- if contains "headrace" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-headrace" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "headrace.labels" -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* dict "root" $ "role" "receiver" */ -}}
{{- define "headrace.roleLabels" -}}
{{ include "headrace.labels" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "headrace.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Values that are whole numbers, as such: Helm reads every number of a file as one with a fraction. Changes its dict. */ -}}
{{- define "headrace.whole" -}}
{{- $tree := . -}}
{{- range $key, $value := $tree -}}
{{- if kindIs "map" $value -}}
{{- include "headrace.whole" $value -}}
{{- else if kindIs "slice" $value -}}
{{- $items := list -}}
{{- range $value -}}
{{- $item := dict "it" . -}}
{{- include "headrace.whole" $item -}}
{{- $items = append $items $item.it -}}
{{- end -}}
{{- $_ := set $tree $key $items -}}
{{- else if and (kindIs "float64" $value) (eq $value (floor $value)) -}}
{{- $_ := set $tree $key (int64 $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A dict as TOML. */ -}}
{{- define "headrace.asToml" -}}
{{- $tree := deepCopy . -}}
{{- include "headrace.whole" $tree -}}
{{ toToml $tree }}
{{- end -}}

{{- define "headrace.toml" -}}
{{ mergeOverwrite (dict "topic_prefix" (printf "%s." .Release.Name)) (deepCopy .Values.config) | include "headrace.asToml" }}
{{- end -}}
