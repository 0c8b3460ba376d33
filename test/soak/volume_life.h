// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SOAK_VOLUME_LIFE_H_
#define NODEVOL_TEST_SOAK_VOLUME_LIFE_H_

#include <functional>
#include <random>
#include <string>

#include "absl/status/status.h"

#include "test/client/ground.h"
#include "test/client/volume_client.h"

namespace nodevol::testing {

// Lives of volumes, one after the other, as a CO that never gives up leads them: what is cut short
// is called again until it is answered OK. Whatever was acknowledged must hold from then on.
class VolumeLives {
 public:
  // `name` begins the names of the volumes and of their directories beneath `directory`.
  VolumeLives(VolumeClient& client, int64_t volume_bytes, std::string directory, std::string name,
              unsigned seed);

  // Create, publish, write, and at random: snapshot, restore and compare, clone, grow, publish
  // again and compare, modify; then delete all of it. The error says at which step.
  absl::Status LiveOne();
  [[nodiscard]] int calls() const { return calls_; }

 private:
  struct Life;

  // Retries what a killed or busy driver could not answer.
  absl::Status Insist(absl::string_view what, const std::function<absl::Status()>& call);
  bool Chance(int percent);

  absl::Status Begin(Life& life);
  absl::Status Use(Life& life, const std::string& expected, const std::string& next);
  absl::Status SnapshotAndRestore(Life& life);
  absl::Status Clone(Life& life);
  absl::Status Expand(Life& life);
  absl::Status Modify(Life& life);
  absl::Status End(Life& life);
  absl::Status ExpectCopy(const std::string& volume_id, const std::string& name,
                          const std::string& content);

  VolumeClient& client_;
  const int64_t volume_bytes_;
  const std::string directory_;
  const std::string name_;
  std::minstd_rand random_;
  int lives_ = 0;
  int calls_ = 0;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SOAK_VOLUME_LIFE_H_
