// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_HTTP_REQUEST_H_
#define NODEVOL_TEST_SUPPORT_HTTP_REQUEST_H_

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

// HTTP of a few lines, on the loopback address.
namespace nodevol::testing {

// A port that nobody listens on.
uint16_t FreePort();

// A client that has begun with a request, and leaves it at that.
UniqueFd BeginHttp(uint16_t port);

// The whole answer to a request such as "GET /metrics", "" when there is none.
std::string AskHttp(uint16_t port, const std::string& method_and_path);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_HTTP_REQUEST_H_
