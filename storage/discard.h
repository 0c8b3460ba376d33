// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_DISCARD_H_
#define NODEVOL_STORAGE_DISCARD_H_

namespace nodevol::storage {

class Engine;

// Gives back what pods have freed in those volumes of the pool that are to do so (attribute
// `discard`) and whose mount does not by itself: XFS takes that option only when it is mounted, so
// an attribute that was set later is honoured here until the volume is staged anew. Reads the mount
// table when there is such a volume. Trouble is logged.
void TrimVolumes(Engine& engine);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_DISCARD_H_
