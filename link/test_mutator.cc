// SPDX-License-Identifier: Apache-2.0
#include "link/test_mutator.h"

#include <array>
#include <limits>
#include <memory>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace nodevol::link {
namespace {

constexpr int kFirstUnknownField = 1000;
constexpr size_t kLongText = 64 << 10;

}  // namespace

void TestMutator::Mutate(Message& message) {
  const std::string before = message.SerializeAsString();
  if (OneIn(4)) {
    MutateBytes(message);
  } else {
    for (uint64_t times = 1 + Below(3); times > 0; --times) MutateFields(message);
  }
  earlier_ = before;
}

// ---- By fields ----

const TestMutator::Field* TestMutator::ChooseField(const Message& message) {
  std::vector<const Field*> fields;
  if (!OneIn(4)) message.GetReflection()->ListFields(message, &fields);
  if (!fields.empty()) return OneOf(fields);
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  if (type.field_count() == 0) return nullptr;
  return type.field(static_cast<int>(Below(static_cast<uint64_t>(type.field_count()))));
}

void TestMutator::MutateFields(Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (OneIn(20)) {
    const int number = kFirstUnknownField + static_cast<int>(Below(100));
    reflection.MutableUnknownFields(&message)->AddVarint(number, Number());
    return;
  }
  const Field* const field = ChooseField(message);
  if (field == nullptr) return;
  if (field->is_repeated()) {
    MutateRepeated(message, *field);
  } else if (OneIn(6)) {
    reflection.ClearField(&message, field);
  } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
    MutateFields(*reflection.MutableMessage(&message, field));
  } else {
    SetScalar(message, *field);
  }
}

// Of messages, entries of maps among them, and of texts: the link repeats nothing else.
void TestMutator::MutateRepeated(Message& message, const Field& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &field);
  const auto any = [&] { return static_cast<int>(Below(static_cast<uint64_t>(size))); };
  const bool messages = field.cpp_type() == Field::CPPTYPE_MESSAGE;
  switch (size == 0 ? 0 : Below(5)) {
    case 0:  // one more
      if (messages) {
        MutateFields(*reflection.AddMessage(&message, &field));
      } else {
        reflection.AddString(&message, &field, Text(""));
      }
      return;
    case 1:  // one twice
      if (messages) {
        const int copied = any();
        Message& added = *reflection.AddMessage(&message, &field);
        added.CopyFrom(reflection.GetRepeatedMessage(message, &field, copied));
      } else {
        reflection.AddString(&message, &field,
                             reflection.GetRepeatedString(message, &field, any()));
      }
      return;
    case 2:
      reflection.SwapElements(&message, &field, any(), any());
      return;
    case 3:
      reflection.RemoveLast(&message, &field);
      return;
    default:
      if (messages) {
        MutateFields(*reflection.MutableRepeatedMessage(&message, &field, any()));
      } else {
        const int changed = any();
        reflection.SetRepeatedString(&message, &field, changed,
                                     Text(reflection.GetRepeatedString(message, &field, changed)));
      }
  }
}

void TestMutator::SetScalar(Message& message, const Field& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, static_cast<int32_t>(Number()));
    case Field::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, static_cast<int64_t>(Number()));
    case Field::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field, static_cast<uint32_t>(Number()));
    case Field::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field, Number());
    case Field::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, OneIn(2));
    case Field::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, &field, static_cast<int32_t>(Number()));
    case Field::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, Text(reflection.GetString(message, &field)));
    default:
      return;  // the link has no others
  }
}

uint64_t TestMutator::Number() {
  constexpr std::array<uint64_t, 14> kEdges = {
      0,
      1,
      2,
      ~uint64_t{0},  // -1
      127,
      128,
      uint64_t{1} << 20,
      static_cast<uint64_t>(std::numeric_limits<int32_t>::max()),
      uint64_t{1} << 31,
      uint64_t{1} << 32,
      uint64_t{1} << 40,
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) - 1,
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max()),
      uint64_t{1} << 63,
  };
  if (OneIn(3)) return Below(20);
  if (OneIn(3)) return random_();
  return kEdges[Below(kEdges.size())];
}

std::string TestMutator::Text(std::string old) {
  switch (Below(8)) {
    case 0:
      return "";
    case 1:
      return old + old;
    case 2:
      if (!old.empty()) old.pop_back();
      return old;
    case 3:
      if (!old.empty()) old[Below(old.size())] = static_cast<char>(' ' + Below(95));
      return old;
    case 4:
      return OneIn(8) ? std::string(kLongText, 'x') : old + "\xc3\xa9";
    case 5:
      return old + std::string("/../\n\0", 6);
    default:
      return known_.empty() ? old : OneOf(known_);
  }
}

// ---- By bytes ----

void TestMutator::MutateBytes(Message& message) {
  std::string bytes = message.SerializeAsString();
  const auto any = [&] { return Below(bytes.size() + 1); };
  switch (Below(5)) {
    case 0:
      for (uint64_t flips = 1 + Below(4); flips > 0 && !bytes.empty(); --flips) {
        char& flipped = bytes[Below(bytes.size())];
        flipped = static_cast<char>(flipped ^ (1 << Below(8)));
      }
      break;
    case 1:
      bytes.resize(any());
      break;
    case 2:
      bytes.erase(any(), Below(16));
      break;
    case 3: {
      const std::string part = bytes.substr(any(), Below(64));
      bytes.insert(any(), part);
      break;
    }
    default:
      bytes = bytes.substr(0, any()) + earlier_.substr(Below(earlier_.size() + 1));
  }
  // What is no message of the kind gRPC does not let in.
  const std::unique_ptr<Message> changed(message.New());
  if (changed->ParseFromString(bytes)) message.CopyFrom(*changed);
}

}  // namespace nodevol::link
