// Pins the module that holds csi.proto; the checksum is in go.sum. There is no Go code here.
module nodevol.io/proto

go 1.25.0

require github.com/container-storage-interface/spec v1.13.0
