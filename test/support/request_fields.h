// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_REQUEST_FIELDS_H_
#define NODEVOL_TEST_SUPPORT_REQUEST_FIELDS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

// Every request of csi.proto, found by descriptor, so that a field of a future version is tested
// when it appears.
namespace nodevol::testing {

// A place in a request, at any depth.
class RequestField {
 public:
  explicit RequestField(std::vector<const google::protobuf::FieldDescriptor*> path)
      : path_(std::move(path)) {}

  // "CreateVolumeRequest.volume_capabilities.mount.fs_type"
  [[nodiscard]] std::string Name() const;
  [[nodiscard]] const google::protobuf::FieldDescriptor& field() const { return *path_.back(); }
  [[nodiscard]] const google::protobuf::Descriptor& request() const {
    return *path_.front()->containing_type();
  }

 protected:
  // The message with the field: made where it is missing, the first where there are several.
  google::protobuf::Message& Holder(google::protobuf::Message& request) const;

 private:
  std::vector<const google::protobuf::FieldDescriptor*> path_;
};

// Where a client can put text: a string, one of several, or a map's entry.
class TextField : public RequestField {
 public:
  using RequestField::RequestField;

  [[nodiscard]] bool IsSecret() const;
  // Puts this text there; in a map as key and as value, beside what a list or map has.
  void Put(google::protobuf::Message& request, const std::string& text) const;
  // A request with this text there and nothing else.
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> Request(const std::string& text) const;
};
std::vector<TextField> AllTextFields();

// Where a client can put an integer or the number of an enum value.
class NumberField : public RequestField {
 public:
  using RequestField::RequestField;

  [[nodiscard]] bool IsEnum() const;
  // Puts this number there; an enum or int32 takes its lower bits.
  void Put(google::protobuf::Message& request, int64_t number) const;
};
std::vector<NumberField> AllNumberFields();

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_REQUEST_FIELDS_H_
