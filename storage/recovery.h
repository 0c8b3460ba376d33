// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_RECOVERY_H_
#define NODEVOL_STORAGE_RECOVERY_H_

#include "absl/status/status.h"

namespace nodevol::storage {

class Engine;

// What the records that a start reads are worth.
enum class RecordTrust {
  kDurable,  // what is read is on the disk
  // The filesystem has failed and was not unmounted since: what is read may be in memory only. Each
  // record is written anew, durably, before it is believed.
  kRewrite,
};

// What a start does before the first call. In this order:
//   1. filesystems of volumes that a killed driver left frozen are thawed;
//   2. staging/ is emptied: what is there was never acknowledged;
//   3. the records are read into the index and the ledger; one that is damaged is set
//      aside, its data untouched, and all others go on;
//   4. each volume gets the size that its record says: a crash may have come between the two;
//   5. deleted volumes that can still be had back are found in the trash;
//   6. mounts of the pool's volumes are found in the mount table; loop devices on its
//      images that no mount uses are freed.
// Members of group snapshots are undecided when it is done: the record of their group may be in
// another pool. Interrupted anywhere it can be done again. The trash is left to the reaper.
absl::Status Recover(Engine& engine, RecordTrust trust);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_RECOVERY_H_
