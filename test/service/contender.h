// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_CONTENDER_H_
#define NODEVOL_TEST_SERVICE_CONTENDER_H_

#include <random>
#include <string>
#include <vector>

#include "test/client/volume_client.h"
#include "test/service/observations.h"
#include "test/service/pod.h"

namespace nodevol::testing {

// A name that many clients use at once: the ids that it gives, and the paths that they share.
struct SharedName {
  std::string name;
  int64_t bytes;
  Pod pod;  // with the volume's id
  std::string snapshot_id;
  std::string restored_id;

  [[nodiscard]] std::string RestoredName() const { return name + "-restored"; }
};

// A client that does at random what others undo. Each call has the codes that the spec or the
// design documents for it; any other is a complaint.
class Contender {
 public:
  Contender(VolumeClient& client, const std::vector<SharedName>& names, unsigned seed,
            Observations& observations)
      : client_(client), names_(names), random_(seed), observations_(observations) {}

  void Run(int operations);

 private:
  struct Operation;
  static const std::vector<Operation>& Operations();

  VolumeClient& client_;
  const std::vector<SharedName>& names_;
  std::minstd_rand random_;
  Observations& observations_;
};

// Undoes whatever contenders have left of the name.
absl::Status CleanUp(VolumeClient& client, const SharedName& name);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_CONTENDER_H_
