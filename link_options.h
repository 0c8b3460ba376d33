// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_OPTIONS_H_
#define NODEVOL_LINK_OPTIONS_H_

#include "mistakes.h"
#include "options.h"

namespace nodevol {

// Read the flags of the stream between nodes and controllers, and of the API server. The role and
// the driver's name are known.
void ParseLink(Options& options, Mistakes& mistakes);
void ParseKubernetes(Options& options, Mistakes& mistakes);

}  // namespace nodevol

#endif  // NODEVOL_LINK_OPTIONS_H_
