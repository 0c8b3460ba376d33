// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_RANDOM_H_
#define NODEVOL_BASE_RANDOM_H_

#include <cstddef>
#include <string>

namespace nodevol {

// `bytes` random bytes of the kernel (getrandom(2)) as lower-case hex, two characters a byte.
std::string RandomHex(size_t bytes);

}  // namespace nodevol

#endif  // NODEVOL_BASE_RANDOM_H_
