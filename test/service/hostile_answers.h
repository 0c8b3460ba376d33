// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_HOSTILE_ANSWERS_H_
#define NODEVOL_TEST_SERVICE_HOSTILE_ANSWERS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

#include "test/support/request_fields.h"

// What the driver must answer when one field of an otherwise harmless request is hostile.
namespace nodevol::testing {

// Answers to text without control characters and of a length that the spec allows.
struct TextAnswers {
  absl::StatusCode traversal;     // "../x"
  absl::StatusCode absolute;      // a path where nothing is
  absl::StatusCode word;          // an id of another grammar, a format string, a shell's words
  absl::StatusCode foreign_pool;  // an id as ours, of a pool that is not here
  absl::StatusCode absent;        // an id as ours, of this pool, of nothing
  // How an INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED or ABORTED names the field.
  std::string names;
};

// nullopt for a field that the table does not know: csi.proto has a new one.
std::optional<TextAnswers> AnswersTo(const TextField& field);
// The answer to a negative number or an enum value that does not exist.
std::optional<absl::StatusCode> AnswerTo(const NumberField& field);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_HOSTILE_ANSWERS_H_
