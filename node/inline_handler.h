// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_INLINE_HANDLER_H_
#define NODEVOL_NODE_INLINE_HANDLER_H_

#include <optional>
#include <string>

#include "base/callback.h"
#include "base/executor.h"
#include "base/periodic_thread.h"
#include "csi/csi.pb.h"
#include "storage/local_storage.h"

namespace nodevol::node {

// NodeHandler's part for inline volumes. Their ids are as IsInlineId says. Requests have their
// required fields.
class InlineHandler {
 public:
  // Undoes on `forgotten` what was mounted for volumes that no pool knows. Both must outlive the
  // handler.
  InlineHandler(storage::LocalStorage& storage, Executor& forgotten);

  void Publish(const csi::v1::NodePublishVolumeRequest& request,
               Callback<csi::v1::NodePublishVolumeResponse> done);
  // OK also when the volume does not exist: then an earlier call has deleted it.
  void Unpublish(const csi::v1::NodeUnpublishVolumeRequest& request,
                 Callback<csi::v1::NodeUnpublishVolumeResponse> done);
  // The id in its pool of an inline volume that exists.
  [[nodiscard]] std::optional<storage::VolumeId> Find(const std::string& volume_id) const;

 private:
  storage::LocalStorage& storage_;
  Executor& forgotten_;
  // Last: it uses the rest.
  PeriodicThread garbage_;
};

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_INLINE_HANDLER_H_
