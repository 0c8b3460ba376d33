// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_JSON_H_
#define NODEVOL_ADMIN_JSON_H_

#include <string>

#include "google/protobuf/message.h"

namespace nodevol::admin {

// The message as JSON for programs: the fields' names as in the .proto file, in its order; numbers
// as numbers, also those of 64 bits; times as RFC 3339; enums by name. A field that is a message or
// of a oneof is left out when it is not set, all others are always there. Ends with a newline.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_JSON_H_
