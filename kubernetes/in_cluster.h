// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_IN_CLUSTER_H_
#define NODEVOL_KUBERNETES_IN_CLUSTER_H_

#include <string>

#include "absl/status/statusor.h"

// What kubelet gives a pod to reach the API server of its cluster with.
namespace nodevol::kubernetes {

inline constexpr char kPodCaFile[] = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
inline constexpr char kPodTokenFile[] = "/var/run/secrets/kubernetes.io/serviceaccount/token";

// The server's URL, from the environment. FAILED_PRECONDITION, with the remedy, outside of pods.
absl::StatusOr<std::string> ApiUrlInPod();

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_IN_CLUSTER_H_
