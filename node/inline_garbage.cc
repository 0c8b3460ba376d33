// SPDX-License-Identifier: Apache-2.0
#include "node/inline_garbage.h"

#include <fcntl.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::node {
namespace {

using storage::LocalVolume;
using storage::VolumePtr;

// Only now is nobody at work on the volume.
absl::Status DeleteGarbage(LocalVolume& volume) {
  if (!PodIsGone(volume.record->ephemeral().target_path())) {
    return absl::AbortedError("its pod's directory is there again");
  }
  // Refuses what is mounted or open anywhere.
  return volume.engine.DeleteVolume(*storage::VolumeId::Parse(volume.record->id()));
}

absl::Status Collect(storage::LocalStorage& storage, const VolumePtr& volume) {
  ASSIGN_OR_RETURN(KeyedMutex::Lock lock,
                   storage.LockInlineVolume(volume->ephemeral().volume_id()));
  absl::Status deleted;
  absl::Notification answered;
  storage.WithInlineVolume(std::move(lock), volume, DeleteGarbage, [&](absl::Status status) {
    deleted = std::move(status);
    answered.Notify();
  });
  answered.WaitForNotification();
  return deleted;
}

}  // namespace

bool PodIsGone(const std::string& target_path) {
  constexpr size_t kBelowPods = 5;  // UID/volumes/kubernetes.io~csi/NAME/mount
  const absl::StatusOr<std::vector<absl::string_view>> parts = PathComponents(target_path);
  if (!parts.ok() || parts->size() <= kBelowPods) return false;
  const auto uid = parts->end() - kBelowPods;
  const bool kubelets = uid[-1] == "pods" && uid[1] == "volumes" && uid[2] == "kubernetes.io~csi" &&
                        uid[4] == "mount";
  if (!kubelets) return false;
  const absl::StatusOr<UniqueFd> pods = host::OpenPath(
      absl::StrCat("/", absl::StrJoin(parts->begin(), uid, "/")), O_PATH | O_DIRECTORY);
  if (!pods.ok()) return false;
  return ErrnoOf(host::InspectAt(pods->get(), *uid).status()) == ENOENT;
}

int CollectInlineVolumes(storage::LocalStorage& storage) {
  int collected = 0;
  for (const VolumePtr& volume : storage.InlineVolumes()) {
    const std::string& target = volume->ephemeral().target_path();
    if (!PodIsGone(target) || !storage.Serves(volume->id())) continue;
    const std::string& id = volume->ephemeral().volume_id();
    if (const absl::Status deleted = Collect(storage, volume); !deleted.ok()) {
      log::Warn("the inline volume of a pod that is gone stays for now",
                {{"volume_id", id}, {"target_path", target}, {"error", deleted}});
      continue;
    }
    log::Info("deleted the inline volume of a pod that is gone",
              {{"volume_id", id}, {"target_path", target}});
    ++collected;
  }
  return collected;
}

}  // namespace nodevol::node
