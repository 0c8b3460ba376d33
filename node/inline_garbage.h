// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_INLINE_GARBAGE_H_
#define NODEVOL_NODE_INLINE_GARBAGE_H_

#include <string>

#include "storage/local_storage.h"

// Inline volumes that nobody will ever unpublish: the pod was removed from the cluster while the
// node was down, and its directory from the node. kubelet's unpublish is the rule; this is for what
// it can't know any more.
namespace nodevol::node {

// True when it is certain that the pod with this target path has gone: the path is kubelet's
// (KUBELET/pods/UID/volumes/kubernetes.io~csi/NAME/mount), KUBELET/pods is there, and UID in it is
// not. kubelet removes that directory last, when nothing of the pod is left. Without KUBELET/pods
// its disk is not mounted, and nothing is certain; of other COs' paths nothing is ever.
bool PodIsGone(const std::string& target_path);

// Deletes the inline volumes of such pods that are mounted nowhere; returns how many. Those of
// disks that can't be used now are left. Blocks: for a thread of its own.
int CollectInlineVolumes(storage::LocalStorage& storage);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_INLINE_GARBAGE_H_
