{{/* Name of every object: the release's, with the chart's unless it is in there already. */}}
{{- define "taskgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* What never changes during the life of a release: a Deployment's selector is immutable. */}}
{{- define "taskgate.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "taskgate.labels" -}}
{{ include "taskgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "taskgate.serviceAccountName" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "taskgate.fullname" .) "default" -}}
{{- default $own .Values.serviceAccount.name -}}
{{- end }}

{{- define "taskgate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The whole environment of the container, and with it what the service is told. */}}
{{- define "taskgate.env" -}}
- name: TASKGATE_PORT
  value: "8080"
- name: TASKGATE_AUTH
  value: {{ default "off" .Values.auth | quote }}
{{- if .Values.upstreamCA.existingSecret }}
- name: TASKGATE_UPSTREAM__CA_FILE
  value: /etc/taskgate/secrets/upstream_ca.pem
{{- end }}
{{- range $alias, $account := .Values.accounts }}
{{- $prefix := printf "TASKGATE_ACCOUNTS__%s" (upper $alias) }}
- name: {{ $prefix }}__URL
  value: {{ $account.url | quote }}
- name: {{ $prefix }}__CLIENT_ID
  valueFrom:
    secretKeyRef:
      name: {{ $account.existingSecret }}
      key: {{ default "client_id" $account.clientIdKey }}
- name: {{ $prefix }}__CLIENT_SECRET_FILE
  value: {{ printf "/etc/taskgate/secrets/accounts/%s/client_secret" (lower $alias) }}
{{- with $account.tenant }}
- name: {{ $prefix }}__TENANT
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- if .Values.consumers.existingSecret }}
- name: TASKGATE_CONSUMERS_FILE
  value: /etc/taskgate/secrets/consumers.toml
{{- end }}
{{- if .Values.cursorSecret.existingSecret }}
- name: TASKGATE_CURSOR_SECRET_FILE
  value: /etc/taskgate/secrets/cursor_secret
{{- end }}
{{- if .Values.valkey.existingSecret }}
- name: TASKGATE_VALKEY_URL_FILE
  value: /etc/taskgate/secrets/valkey_url
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The secrets that are read from files: as one volume, since a subPath never sees a rotation. */}}
{{- define "taskgate.secretSources" -}}
{{- with .Values.upstreamCA }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - key: {{ .key }}
        path: upstream_ca.pem
{{- end }}
{{- end }}
{{- range $alias, $account := .Values.accounts }}
- secret:
    name: {{ $account.existingSecret }}
    items:
      - key: {{ default "client_secret" $account.clientSecretKey }}
        path: {{ printf "accounts/%s/client_secret" (lower $alias) }}
{{- end }}
{{- with .Values.consumers }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - key: {{ .key }}
        path: consumers.toml
{{- end }}
{{- end }}
{{- with .Values.cursorSecret }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - key: {{ .key }}
        path: cursor_secret
{{- end }}
{{- end }}
{{- with .Values.valkey }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - key: {{ .key }}
        path: valkey_url
{{- end }}
{{- end }}
{{- end }}

{{/* What a schema can not say. */}}
{{- define "taskgate.refusals" -}}
{{- if not .Values.accounts }}
{{- fail "accounts: name at least one account; values.yaml shows how." }}
{{- end }}
{{- $aliases := list }}
{{- range $alias, $_ := .Values.accounts }}
{{- $aliases = append $aliases (lower $alias) }}
{{- end }}
{{- if ne (len $aliases) (len (uniq $aliases)) }}
{{- fail "accounts: two aliases differ in case only." }}
{{- end }}
{{- end }}
