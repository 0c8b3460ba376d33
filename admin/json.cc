// SPDX-License-Identifier: Apache-2.0
#include "admin/json.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"

#include "admin/text.h"

namespace nodevol::admin {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string String(absl::string_view text) { return absl::StrCat("\"", Quoted(text), "\""); }

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  void Value(const Message& message) {
    if (message.GetTypeName() == "google.protobuf.Timestamp") {
      google::protobuf::Timestamp time;
      time.CopyFrom(message);
      out_ += String(google::protobuf::util::TimeUtil::ToString(time));
      return;
    }
    const google::protobuf::Descriptor& descriptor = *message.GetDescriptor();
    Begin('{');
    for (int i = 0; i < descriptor.field_count(); ++i) {
      const FieldDescriptor& field = *descriptor.field(i);
      if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) continue;
      Item();
      Key(field.name());
      Field(message, field);
    }
    End('}');
  }

 private:
  void Begin(char bracket) {
    out_ += bracket;
    empty_.push_back(true);
  }

  void Item() {
    out_ += empty_.back() ? "\n" : ",\n";
    empty_.back() = false;
    out_.append(2 * empty_.size(), ' ');
  }

  void Key(absl::string_view key) { absl::StrAppend(&out_, String(key), ": "); }

  void End(char bracket) {
    const bool empty = empty_.back();
    empty_.pop_back();
    if (!empty) {
      out_ += '\n';
      out_.append(2 * empty_.size(), ' ');
    }
    out_ += bracket;
  }

  void Field(const Message& message, const FieldDescriptor& field) {
    if (field.is_map()) {
      Map(message, field);
      return;
    }
    if (!field.is_repeated()) {
      Scalar(message, field, -1);
      return;
    }
    Begin('[');
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      Item();
      Scalar(message, field, i);
    }
    End(']');
  }

  // Maps of strings to strings, by key.
  void Map(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    std::map<std::string, std::string> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      const google::protobuf::Descriptor& pair = *entry.GetDescriptor();
      entries.emplace(entry.GetReflection()->GetString(entry, pair.map_key()),
                      entry.GetReflection()->GetString(entry, pair.map_value()));
    }
    Begin('{');
    for (const auto& [key, value] : entries) {
      Item();
      Key(key);
      out_ += String(value);
    }
    End('}');
  }

  // Element `index` of a list, or a field that is none (-1).
  void Scalar(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    const auto get = [&](auto one, auto of_list) {
      return index < 0 ? (reflection.*one)(message, &field)
                       : (reflection.*of_list)(message, &field, index);
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Value(index < 0 ? reflection.GetMessage(message, &field)
                        : reflection.GetRepeatedMessage(message, &field, index));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        out_ += String(get(&Reflection::GetString, &Reflection::GetRepeatedString));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        out_ += String(get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name());
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        absl::StrAppend(&out_, get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        absl::StrAppend(&out_, get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        absl::StrAppend(&out_, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        absl::StrAppend(&out_, get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        absl::StrAppend(&out_, get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        absl::StrAppend(&out_, get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
        break;
    }
  }

  std::string out_;
  std::vector<bool> empty_;  // a level each: nothing is in it yet
};

}  // namespace

std::string ToJson(const Message& message) {
  Printer printer;
  printer.Value(message);
  return absl::StrCat(printer.Take(), "\n");
}

}  // namespace nodevol::admin
