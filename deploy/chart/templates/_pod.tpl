{{- /* What every pod has. dict "root" $ "role" "receiver" "args" (list …) "grace" 30 */ -}}
{{- define "headrace.podMetadata" -}}
labels:
  {{- include "headrace.roleLabels" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  headrace/configuration: {{ include "headrace.toml" .root | sha256sum | trunc 16 | quote }}   # a change rolls the pods
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "headrace.podBasics" -}}
serviceAccountName: {{ include "headrace.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false   # variables of Services named headrace-* would look like configuration
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "headrace.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "headrace.containerBasics" -}}
image: {{ include "headrace.image" .root }}
{{- with .root.Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
args: {{ toJson .args }}
env:
  - name: HEADRACE_CONFIG
    value: /etc/headrace/headrace.toml
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end -}}

{{- define "headrace.probes" -}}
startupProbe:
  httpGet: {path: /healthz/startup, port: admin}
  periodSeconds: {{ .every }}
  timeoutSeconds: 5
  failureThreshold: {{ .times }}
livenessProbe:   # it stands still although Kafka answers; an outage of Kafka is no failure
  httpGet: {path: /healthz/live, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /healthz/ready, port: admin}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{- define "headrace.mounts" -}}
- {name: config, mountPath: /etc/headrace, readOnly: true}
- {name: tenants, mountPath: /etc/headrace/tenants.d, readOnly: true}
- {name: secrets, mountPath: /run/secrets/headrace, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "headrace.volumes" -}}
- name: config
  configMap:
    name: {{ include "headrace.name" . }}-config
- name: tenants   # as a whole folder: changes reach the pods while they run
  configMap:
    name: {{ include "headrace.name" . }}-tenants
- name: secrets   # as a whole folder: files mounted one by one are never renewed
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* dict "root" $ "role" "receiver": where pods go. */ -}}
{{- define "headrace.placement" -}}
{{- $role := index .root.Values.roles .role -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "headrace.roleLabels" . | nindent 8 }}
{{ include "headrace.nodes" $role }}
{{- end -}}

{{- /* The values of a role: on which nodes its pods may be. */ -}}
{{- define "headrace.nodes" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "headrace.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "headrace.name" .root }}-{{ .role }}
  labels:
    {{- include "headrace.roleLabels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "headrace.roleLabels" . | nindent 6 }}
{{- end -}}

{{- /* A role without a volume of its own: a Deployment of fixed size, replaced one by one. */ -}}
{{- define "headrace.deployment" -}}
{{- $role := index .root.Values.roles .role -}}
{{- $pod := dict "root" .root "role" .role "args" (list "run" "--role" .role) "resources" $role.resources -}}
{{ include "headrace.disruptionBudget" $pod }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "headrace.name" .root }}-{{ .role }}
  labels:
    {{- include "headrace.roleLabels" $pod | nindent 4 }}
spec:
  replicas: {{ $role.replicas }}
  strategy:
    rollingUpdate:   # one after the other, and none beside: what moves does so as seldom as possible
      maxSurge: 0
      maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "headrace.roleLabels" $pod | nindent 6 }}
  template:
    metadata:
      {{- include "headrace.podMetadata" $pod | nindent 6 }}
    spec:
      {{- include "headrace.podBasics" $pod | nindent 6 }}
      terminationGracePeriodSeconds: 30   # the program takes at most 25
      securityContext:
        {{- include "headrace.podSecurity" $pod | nindent 8 }}
      {{- include "headrace.placement" $pod | nindent 6 }}
      containers:
        - name: {{ .role }}
          {{- include "headrace.containerBasics" $pod | nindent 10 }}
          ports:
            - {name: admin, containerPort: 9464}
          {{- include "headrace.probes" (dict "every" 5 "times" 720) | nindent 10 }}
          volumeMounts:
            {{- include "headrace.mounts" .root | nindent 12 }}
      volumes:
        {{- include "headrace.volumes" .root | nindent 8 }}
{{- end -}}

{{- define "headrace.topicsPod" -}}
metadata:
  {{- include "headrace.podMetadata" . | nindent 2 }}
spec:
  {{- include "headrace.podBasics" . | nindent 2 }}
  restartPolicy: OnFailure
  securityContext:
    {{- include "headrace.podSecurity" . | nindent 4 }}
  containers:
    - name: topics
      {{- include "headrace.containerBasics" . | nindent 6 }}
      volumeMounts:
        {{- include "headrace.mounts" .root | nindent 8 }}
  volumes:
    {{- include "headrace.volumes" .root | nindent 4 }}
{{- end -}}
