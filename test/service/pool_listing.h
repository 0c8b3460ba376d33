// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_POOL_LISTING_H_
#define NODEVOL_TEST_SERVICE_POOL_LISTING_H_

#include <string>
#include <vector>

namespace nodevol::testing {

// All that is in a directory, at any depth, a line for each entry: its path, kind, mode and, of
// files, size and content. Two listings are equal when nothing has changed.
std::vector<std::string> ListPool(const std::string& path);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_POOL_LISTING_H_
