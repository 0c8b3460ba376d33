// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_JSON_H_
#define NODEVOL_KUBERNETES_JSON_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"

// Objects of JSON, of which anything may be missing or of another kind than expected.
namespace nodevol::kubernetes {

// Takes a text that is one JSON object; false for anything else.
bool ParseJson(absl::string_view text, google::protobuf::Struct& object);

// The value under a path of names; null when there is none.
const google::protobuf::Value* Find(const google::protobuf::Struct& object,
                                    const std::vector<std::string>& path);
// The text there; "" when there is none.
std::string TextAt(const google::protobuf::Struct& object, const std::vector<std::string>& path);
// The texts of the list there; what is no text is left out.
std::vector<std::string> TextsAt(const google::protobuf::Struct& object,
                                 const std::vector<std::string>& path);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_JSON_H_
