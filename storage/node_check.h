// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_NODE_CHECK_H_
#define NODEVOL_STORAGE_NODE_CHECK_H_

#include <string>
#include <vector>

#include "proto/storage.pb.h"

// What volumes need of the node beside a pool: the kernel, programs, devices, mounts.
namespace nodevol::storage {

struct NodeFinding {
  enum class Severity {
    kOk,
    kNote,     // something that this volume does not need
    kWarning,  // its pod may not see it, or not be able to do all with it
    kProblem,  // the volume can't be made or mounted
  };
  Severity severity = Severity::kOk;
  std::string subject;  // "kernel", "/usr/sbin/mkfs.xfs"
  std::string what;     // and what to do about it
};

// Looks at the node for a volume such as this (its content is what counts; none: any volume).
// `kubelet_path` is where kubelet has the directories of its pods.
std::vector<NodeFinding> CheckNode(const v1::VolumeRecord& volume, const std::string& kubelet_path);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_NODE_CHECK_H_
