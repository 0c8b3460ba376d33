// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_STATIC_HANDLER_H_
#define NODEVOL_NODE_STATIC_HANDLER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/callback.h"
#include "base/executor.h"
#include "base/keyed_mutex.h"
#include "csi/csi.pb.h"
#include "node/static_source.h"
#include "storage/local_storage.h"

namespace nodevol::node {

// NodeHandler's part for static volumes, whose ids begin as IsStaticId says. Their paths may be on
// disks and networks that hang; the work is done on threads of its own.
class StaticHandler {
 public:
  // The storage must outlive the handler.
  StaticHandler(const storage::LocalStorage& storage, StaticPrefixes prefixes);

  // There is nothing to stage; the request is checked as far as that goes without the disk.
  absl::Status Stage(const csi::v1::NodeStageVolumeRequest& request) const;
  absl::Status Unstage(const csi::v1::NodeUnstageVolumeRequest& request) const;
  void Publish(const csi::v1::NodePublishVolumeRequest& request,
               Callback<csi::v1::NodePublishVolumeResponse> done);
  void Unpublish(const csi::v1::NodeUnpublishVolumeRequest& request,
                 Callback<csi::v1::NodeUnpublishVolumeResponse> done);
  void GetStats(const csi::v1::NodeGetVolumeStatsRequest& request,
                Callback<csi::v1::NodeGetVolumeStatsResponse> done);
  // INVALID_ARGUMENT: they have no size of the driver's.
  absl::Status Expand(const csi::v1::NodeExpandVolumeRequest& request) const;

  bool Drain(absl::Duration timeout) { return workers_.Close(timeout); }

 private:
  // ABORTED while somebody has it.
  absl::StatusOr<KeyedMutex::Lock> Lock(const std::string& key);
  // Any number of pods may have one volume; a target is one thing.
  absl::StatusOr<KeyedMutex::Lock> LockTarget(const std::string& path);

  const storage::LocalStorage& storage_;
  const StaticPrefixes prefixes_;
  KeyedMutex busy_;
  Executor workers_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_STATIC_HANDLER_H_
