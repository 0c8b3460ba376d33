{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /*
A sidecar of the controllers: (dict "root" . "name" "provisioner" "args" (list ...)). Each
elects a leader of its own among the replicas, and is alive as long as that works.
*/ -}}
{{- define "nodevol.sidecar" -}}
{{- $values := index .root.Values.sidecars .name -}}
{{- $port := get (include "nodevol.sidecarPorts" .root | fromYaml) .name | int -}}
- name: csi-{{ .name }}
  image: {{ $values.image }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args:
    - --csi-address=/csi/csi.sock
    - --http-endpoint=:{{ $port }}
    - --leader-election
    - --leader-election-namespace=$(NAMESPACE)
    - --kube-api-qps={{ .root.Values.sidecars.kubeAPIQPS }}
    - --kube-api-burst={{ .root.Values.sidecars.kubeAPIBurst }}
    - --timeout={{ .root.Values.sidecars.timeout }}
    {{- range .args }}
    - {{ . }}
    {{- end }}
    - --v={{ .root.Values.sidecars.logVerbosity }}
    {{- range $values.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  env:
    - name: NAMESPACE
      valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
    - name: POD_NAME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
  ports:
    - {name: {{ .name }}, containerPort: {{ $port }}, protocol: TCP}
  livenessProbe:
    httpGet: {path: /healthz/leader-election, port: {{ .name }}}
    initialDelaySeconds: 10
    timeoutSeconds: 10
    periodSeconds: 20
  securityContext: {{- include "nodevol.restrictedContainer" .root | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  resources: {{- toYaml ($values.resources | default .root.Values.sidecars.resources) | nindent 4 }}
  volumeMounts:
    - {name: csi, mountPath: /csi}
{{- end -}}
