// SPDX-License-Identifier: Apache-2.0
#include "test/support/request_fields.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "csi/csi.pb.h"

namespace nodevol::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;

using Path = std::vector<const FieldDescriptor*>;

bool IsText(const FieldDescriptor& field) {
  return field.is_map() || field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

bool IsNumber(const FieldDescriptor& field) {
  const FieldDescriptor::CppType type = field.cpp_type();
  return type == FieldDescriptor::CPPTYPE_INT32 || type == FieldDescriptor::CPPTYPE_INT64 ||
         type == FieldDescriptor::CPPTYPE_ENUM;
}

void Collect(const Descriptor& message, bool (*wanted)(const FieldDescriptor&), Path& path,
             std::vector<Path>& paths) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    path.push_back(&field);
    if (wanted(field)) {
      paths.push_back(path);
    } else if (!field.is_map() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Collect(*field.message_type(), wanted, path, paths);
    }
    path.pop_back();
  }
}

template <typename Field>
std::vector<Field> AllFields(bool (*wanted)(const FieldDescriptor&)) {
  std::vector<Path> paths;
  const FileDescriptor& file = *csi::v1::ProbeRequest::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor& message = *file.message_type(i);
    Path path;
    if (absl::EndsWith(message.name(), "Request")) Collect(message, wanted, path, paths);
  }
  return {paths.begin(), paths.end()};
}

Message& Enter(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) return *reflection.MutableMessage(&message, &field);
  return reflection.FieldSize(message, &field) == 0
             ? *reflection.AddMessage(&message, &field)
             : *reflection.MutableRepeatedMessage(&message, &field, 0);
}

}  // namespace

std::string RequestField::Name() const {
  std::string name = request().name();
  for (const FieldDescriptor* field : path_) absl::StrAppend(&name, ".", field->name());
  return name;
}

Message& RequestField::Holder(Message& request) const {
  Message* message = &request;
  for (size_t i = 0; i + 1 < path_.size(); ++i) message = &Enter(*message, *path_[i]);
  return *message;
}

bool TextField::IsSecret() const { return field().options().GetExtension(csi::v1::csi_secret); }

void TextField::Put(Message& request, const std::string& text) const {
  Message& message = Holder(request);
  const Reflection& reflection = *message.GetReflection();
  if (field().is_map()) {
    Message& entry = *reflection.AddMessage(&message, &field());
    for (const char* const part : {"key", "value"}) {
      entry.GetReflection()->SetString(&entry, field().message_type()->FindFieldByName(part), text);
    }
  } else if (field().is_repeated()) {
    reflection.AddString(&message, &field(), text);
  } else {
    reflection.SetString(&message, &field(), text);
  }
}

std::unique_ptr<Message> TextField::Request(const std::string& text) const {
  std::unique_ptr<Message> made(
      MessageFactory::generated_factory()->GetPrototype(&request())->New());
  Put(*made, text);
  return made;
}

std::vector<TextField> AllTextFields() { return AllFields<TextField>(IsText); }

bool NumberField::IsEnum() const { return field().cpp_type() == FieldDescriptor::CPPTYPE_ENUM; }

void NumberField::Put(Message& request, int64_t number) const {
  Message& message = Holder(request);
  const Reflection& reflection = *message.GetReflection();
  switch (field().cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(&message, &field(), number);
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      reflection.SetInt32(&message, &field(), static_cast<int32_t>(number));
      return;
    default:
      reflection.SetEnumValue(&message, &field(), static_cast<int>(number));
  }
}

std::vector<NumberField> AllNumberFields() { return AllFields<NumberField>(IsNumber); }

}  // namespace nodevol::testing
