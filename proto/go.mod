// Pins the modules that hold csi.proto and kubelet's api.proto; the checksums are in go.sum. There is no Go code here.
// The version of Go is that of Debian 12, with which the image is built.
module nodevol.io/proto

go 1.19

require (
	github.com/container-storage-interface/spec v1.13.0
	k8s.io/kubelet v0.34.1
)
