// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_MUTATOR_H_
#define NODEVOL_LINK_TEST_MUTATOR_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"

namespace nodevol::link {

// For tests: makes messages wrong, by their fields and by their bytes. What it does depends on the
// seed and the messages alone.
class TestMutator {
 public:
  explicit TestMutator(uint64_t seed) : random_(seed) {}

  // A number below the bound, which is not 0.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& OneOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }
  // Texts that mean something to who reads the messages, such as ids.
  void Know(std::string text) { known_.push_back(std::move(text)); }

  // Changes something, or more, of the message. It may become one that is not valid UTF-8, which
  // does not arrive anywhere.
  void Mutate(google::protobuf::Message& message);

 private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  void MutateFields(Message& message);
  void MutateRepeated(Message& message, const Field& field);
  void SetScalar(Message& message, const Field& field);
  void MutateBytes(Message& message);
  // One that is set, if there is any and most of the time; null for a message without fields.
  const Field* ChooseField(const Message& message);
  // Where something is apt to break.
  uint64_t Number();
  std::string Text(std::string old);

  std::mt19937_64 random_;
  std::vector<std::string> known_;
  std::string earlier_;  // the bytes of another message
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_MUTATOR_H_
