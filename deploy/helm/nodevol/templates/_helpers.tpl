{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}

{{- /* The prefix of all names. A release called "nodevol" needs none of its own. */ -}}
{{- define "nodevol.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "nodevol.labels" -}}
app.kubernetes.io/name: nodevol
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The labels by which pods are found: (dict "root" . "component" "node"). They never change. */ -}}
{{- define "nodevol.selector" -}}
app.kubernetes.io/name: nodevol
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "nodevol.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Nodes may have a namespace of their own, so that the controllers' can be a restricted one. */ -}}
{{- define "nodevol.nodeNamespace" -}}
{{ .Values.node.namespace | default .Release.Namespace }}
{{- end -}}

{{- define "nodevol.linkHost" -}}
{{ printf "%s-link.%s.svc" (include "nodevol.fullname" .) .Release.Namespace }}
{{- end -}}

{{- /* Secret with the controllers' certificate and key: tls.crt, tls.key, ca.crt. */ -}}
{{- define "nodevol.linkSecret" -}}
{{ .Values.link.existingSecret | default (printf "%s-link" (include "nodevol.fullname" .)) }}
{{- end -}}

{{- /*
What nodes have of it is the CA alone, in an object of its own: kubelet may read all of each object that
a pod of its node mounts, and a node must not have the controllers' key.
*/ -}}
{{- define "nodevol.linkCA" -}}
{{- if .Values.link.certManager.enabled -}}
secret: {name: {{ include "nodevol.fullname" . }}-link-ca, items: [{key: ca.crt, path: ca.crt}]}
{{- else -}}
configMap: {name: {{ .Values.link.existingCAConfigMap | default (printf "%s-link-ca" (include "nodevol.fullname" .)) }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end -}}
{{- end -}}

{{- /* ADDRESS:PORT of the pod: (dict "root" . "port" 9808). */ -}}
{{- define "nodevol.podAddress" -}}
{{- if eq .root.Values.ipFamily "IPv6" -}}
[$(POD_IP)]:{{ .port }}
{{- else -}}
$(POD_IP):{{ .port }}
{{- end -}}
{{- end -}}

{{- define "nodevol.startupTaint" -}}
{{ .Values.driverName }}/agent-not-ready
{{- end -}}

{{- /* Whether the controller asks the API server something. */ -}}
{{- define "nodevol.asksKubernetes" -}}
{{- if or (eq .Values.link.authentication "token") .Values.forgetNodeAfter .Values.startupTaint.enabled -}}
true
{{- end -}}
{{- end -}}

{{- /* Of containers that need nothing: Pod Security "restricted". */ -}}
{{- define "nodevol.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Of pods with such containers. One user for all: the CSI socket is its maker's alone. */ -}}
{{- define "nodevol.restrictedPod" -}}
runAsNonRoot: true
{{- with .Values.controller.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- /*
Of the node's sidecars. The sockets are root's; and where SELinux is enforced a container that is not
privileged may not connect to a socket that a privileged one has made, unless it has the type that
container runtimes give to those. Elsewhere it says nothing to them.
*/ -}}
{{- define "nodevol.nodeSidecar" -}}
{{ include "nodevol.restrictedContainer" . }}
runAsUser: 0
seLinuxOptions: {type: spc_t}
{{- end -}}

{{- /*
The StorageClass of `helm test`: the first whose volumes go with their claims, so that no run leaves
one behind. Empty when there is none.
*/ -}}
{{- define "nodevol.testClass" -}}
{{- $classes := list -}}
{{- range .Values.storageClasses -}}
{{- if ne (.reclaimPolicy | default "Delete") "Retain" -}}{{- $classes = append $classes .name -}}{{- end -}}
{{- end -}}
{{- with $classes -}}{{ first . }}{{- end -}}
{{- end -}}

{{- /* Of those sidecars of the controllers that there may be, whether they are switched on or not. */ -}}
{{- define "nodevol.sidecarPorts" -}}
{provisioner: 9811, resizer: 9812, snapshotter: 9813, attacher: 9814}
{{- end -}}

{{- /* Containers of a pod share its ports: (list (dict "name" "link.port" "port" 9443) ...). */ -}}
{{- define "nodevol.checkPorts" -}}
{{- $taken := dict -}}
{{- range . -}}
{{- $port := .port | int | toString -}}
{{- if hasKey $taken $port -}}
{{- fail (printf "%s and %s are both port %s of one pod; give one of the values another port" (get $taken $port) .name $port) -}}
{{- end -}}
{{- $_ := set $taken $port .name -}}
{{- end -}}
{{- end -}}

{{- /* What the schema can't say, because it is about several values. */ -}}
{{- define "nodevol.check" -}}
{{- with .Values.link -}}
{{- if and .existingSecret .certManager.enabled -}}
{{- fail "link.existingSecret and link.certManager.enabled: the certificate comes from one of them; leave the other out" -}}
{{- end -}}
{{- if and .existingSecret (not .existingCAConfigMap) -}}
{{- fail (printf "link.existingSecret %q needs link.existingCAConfigMap, a ConfigMap with the CA as ca.crt: nodes must not be able to read a Secret with the controllers' key" .existingSecret) -}}
{{- end -}}
{{- if and .existingCAConfigMap (not .existingSecret) -}}
{{- fail (printf "link.existingCAConfigMap %q is for link.existingSecret; give both or none" .existingCAConfigMap) -}}
{{- end -}}
{{- if eq .authentication "certificate" -}}
{{- if not .nodeCertificatesDir -}}
{{- fail "link.authentication \"certificate\" needs link.nodeCertificatesDir, the directory of each node with its NODE.pem and NODE.key (nodevol pki); or use \"token\"" -}}
{{- end -}}
{{- if not (or .existingSecret .certManager.enabled) -}}
{{- fail "link.authentication \"certificate\" needs link.existingSecret or link.certManager: nodes' certificates must be of the CA of the controllers', and that of a CA that the chart makes has no key any more" -}}
{{- end -}}
{{- else if .nodeCertificatesDir -}}
{{- fail (printf "link.nodeCertificatesDir %q is for link.authentication \"certificate\"" .nodeCertificatesDir) -}}
{{- end -}}
{{- end -}}
{{- with .Values.link.certManager -}}
{{- if and .issuerRef (not .issuerRef.name) -}}
{{- fail (printf "link.certManager.issuerRef %s has no name; give it that of your CA issuer, or leave issuerRef empty for a CA of the chart's own" (toJson .issuerRef)) -}}
{{- end -}}
{{- if and .enabled $.Values.node.namespace (ne $.Values.node.namespace $.Release.Namespace) (eq (.issuerRef.kind | default "Issuer") "Issuer") -}}
{{- fail (printf "node.namespace %q with link.certManager needs link.certManager.issuerRef of kind ClusterIssuer, or of another kind that is the cluster's: an Issuer works in its own namespace only" $.Values.node.namespace) -}}
{{- end -}}
{{- end -}}
{{- $ports := list (dict "name" "link.port" "port" .Values.link.port) (dict "name" "controller.metrics.port" "port" .Values.controller.metrics.port) -}}
{{- range $name, $port := include "nodevol.sidecarPorts" . | fromYaml -}}
{{- $ports = prepend $ports (dict "name" (printf "the sidecar %s" $name) "port" $port) -}}
{{- end -}}
{{- include "nodevol.checkPorts" $ports -}}
{{- with .Values.node -}}
{{- $ports := list (dict "name" "node.metrics.port" "port" .metrics.port) -}}
{{- if eq .registrar "sidecar" -}}
{{- $ports = concat $ports (list (dict "name" "node.registrarPort" "port" .registrarPort) (dict "name" "node.livenessPort" "port" .livenessPort)) -}}
{{- end -}}
{{- include "nodevol.checkPorts" $ports -}}
{{- end -}}
{{- $names := list -}}
{{- $paths := dict -}}
{{- range .Values.pools -}}
{{- $pool := .name -}}
{{- if has .name $names -}}
{{- fail (printf "pools: there are two of the name %q; each has its own" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- if hasKey $paths .path -}}
{{- fail (printf "pools: %q and %q both have the path %q; each has a directory of its own" (get $paths .path) .name .path) -}}
{{- end -}}
{{- $_ := set $paths .path .name -}}
{{- with .loopback -}}
{{- $filesystem := .filesystem | default "xfs" -}}
{{- $least := get (dict "xfs" 300 "btrfs" 109 "ext4" 1) $filesystem -}}
{{- if and (hasSuffix "Mi" .size) (lt (trimSuffix "Mi" .size | int64) (int64 $least)) -}}
{{- fail (printf "pools: loopback.size %q of the pool %q is less than mkfs makes %s of; give it %dMi or more" .size $pool $filesystem $least) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.staticPaths -}}
{{- if hasKey $paths . -}}
{{- fail (printf "staticPaths: %q is the path of the pool %q; static volumes are never in a pool, leave it out" . (get $paths .)) -}}
{{- end -}}
{{- end -}}
{{- $socket := printf "%s/plugins/%s/csi.sock" .Values.kubeletDir .Values.driverName -}}
{{- if gt (len $socket) 87 -}}
{{- fail (printf "kubeletDir and driverName make a socket path of %d bytes, and 87 is the most: %s" (len $socket) $socket) -}}
{{- end -}}
{{- $defaults := 0 -}}
{{- range .Values.storageClasses -}}{{- if .isDefault -}}{{- $defaults = add1 $defaults -}}{{- end -}}{{- end -}}
{{- if gt $defaults 1 -}}
{{- fail "storageClasses: more than one has isDefault; a cluster has one default class" -}}
{{- end -}}
{{- end -}}

{{- /*
Who says that the node's driver lives: itself, or the sidecar. Kubelet looks for a port's name in the
container whose probe it is, so that of the sidecar is a number.
*/ -}}
{{- define "nodevol.nodeLiveness" -}}
path: /healthz
port: {{ eq .Values.node.registrar "sidecar" | ternary .Values.node.livenessPort "metrics" }}
{{- end -}}

{{- /* A node with this label set to "off" has no driver's Pod. */ -}}
{{- define "nodevol.driverLabel" -}}
{{ .Values.driverName }}/driver
{{- end -}}

{{- /*
node.affinity, and in each of its terms that the node's driver is not switched off: terms are
alternatives.
*/ -}}
{{- define "nodevol.nodeAffinity" -}}
{{- $on := dict "key" (include "nodevol.driverLabel" .) "operator" "NotIn" "values" (list "off") -}}
{{- $affinity := deepCopy (.Values.node.affinity | default dict) -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms | default (list dict) -}}
{{- $terms = append $terms (set . "matchExpressions" (append (.matchExpressions | default list) $on)) -}}
{{- end -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (set $required "nodeSelectorTerms" $terms) -}}
{{- toYaml (set $affinity "nodeAffinity" $node) -}}
{{- end -}}

{{- /*
controller.affinity. Unless that has a podAntiAffinity of its own, replicas keep away from each other's
nodes and zones. Spread constraints would not do: for a node that lacks one of their labels none of
them counts.
*/ -}}
{{- define "nodevol.controllerAffinity" -}}
{{- $affinity := .Values.controller.affinity | default dict -}}
{{- with $affinity }}{{ toYaml . }}{{ end }}
{{- if not (hasKey $affinity "podAntiAffinity") }}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    {{- range list (dict "weight" 100 "topology" "kubernetes.io/hostname") (dict "weight" 50 "topology" "topology.kubernetes.io/zone") }}
    - weight: {{ .weight }}
      podAffinityTerm:
        topologyKey: {{ .topology }}
        labelSelector:
          matchLabels: {{- include "nodevol.selector" (dict "root" $ "component" "controller") | nindent 12 }}
        matchLabelKeys: [pod-template-hash]
    {{- end }}
{{- end }}
{{- end -}}
