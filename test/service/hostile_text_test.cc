// SPDX-License-Identifier: Apache-2.0
//
// Every text that a client can send, in every field of every request: a clear answer, nothing
// changed, and the process alive.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "test/service/hostile_answers.h"
#include "test/service/hostile_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::string_literals;  // literals with a NUL inside

class HostileTextTest : public HostileFixture {
 protected:
  // Puts the text into the field of a harmless request.
  absl::Status Put(const TextField& field, const std::string& text) {
    const std::unique_ptr<Message> request = HarmlessFor(field);
    field.Put(*request, text);
    const absl::Status answered = Send(*request);
    if (field.IsSecret() || field.field().name() == "mount_flags") {
      EXPECT_THAT(std::string(answered.message()), Not(HasSubstr(text)));
    }
    return answered;
  }

  // The answer that names the field, or says that the whole method is not served.
  void ExpectRefused(const TextField& field, const absl::Status& answered) const {
    if (IsServed(field)) {
      EXPECT_THAT(answered,
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr(field.field().name())));
    } else {
      EXPECT_THAT(answered, StatusIs(StatusCode::kUnimplemented));
    }
  }

  // Of a text that is well-formed.
  void ExpectAnswer(const TextField& field, const std::string& text, const TextAnswers& answers,
                    StatusCode code) {
    SCOPED_TRACE(absl::StrCat("\"", text, "\""));
    const absl::Status answered = Put(field, text);
    if (!IsServed(field)) code = StatusCode::kUnimplemented;
    EXPECT_THAT(answered, StatusIs(code));
    if (code == StatusCode::kNotFound || code == StatusCode::kUnavailable) {
      EXPECT_THAT(std::string(answered.message()), HasSubstr(text));
    } else if (code != StatusCode::kOk && code != StatusCode::kUnimplemented) {
      EXPECT_THAT(std::string(answered.message()), HasSubstr(answers.names));
    }
  }
};

// The tests below are about one field at a time: without it all would be well.
TEST_F(HostileTextTest, RequestsAreOtherwiseHarmless) {
  std::set<std::string> served;
  for (const TextField& field : AllTextFields()) {
    if (!IsServed(field) || !served.insert(field.request().name()).second) continue;
    SCOPED_TRACE(field.request().name());
    EXPECT_OK(Send(*HarmlessFor(field)));
  }
  // All methods with text that this driver announces, in csi.proto 1.13.
  EXPECT_EQ(served.size(), 29U);
}

TEST_F(HostileTextTest, WhatIsTooLongIsRefusedEverywhere) {
  constexpr size_t kBytes = size_t{5} * 1024;
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    ExpectRefused(field, Put(field, std::string(kBytes, 'x')));
  }
}

TEST_F(HostileTextTest, ControlCharactersAreRefusedEverywhereButInSecretsAndNames) {
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    for (const std::string& text : {"a\0b"s, "a\nb"s, "\x1b[2J"s, "a\x7f"s, "a\u0085"s}) {
      const absl::Status answered = Put(field, text);
      // Of names the spec bans all but whitespace.
      const bool allowed = field.IsSecret() || (field.field().name() == "name" && text == "a\nb");
      if (allowed && IsServed(field)) {
        EXPECT_OK(answered);
      } else {
        ExpectRefused(field, answered);
      }
    }
  }
}

TEST_F(HostileTextTest, PathsIdsAndWordsGetTheAnswerOfTheirField) {
  const std::vector<std::string> words = {"pvc-6b1f0c8e-2f6e-4a52-9f0e-6f8a4f3f2f11",
                                          absl::AsciiStrToUpper(AbsentId()),
                                          "%s%n$(reboot);`id`&&'\"",
                                          "-o",
                                          "NULL",
                                          "größe 卷"};
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    const std::optional<TextAnswers> answers = AnswersTo(field);
    if (!answers.has_value()) {
      EXPECT_FALSE(IsServed(field)) << "a new field: say what it answers in hostile_answers.cc";
      continue;
    }
    for (const char* const text : {"../x", "../../../../etc/shadow", "a/../b"}) {
      ExpectAnswer(field, text, *answers, answers->traversal);
    }
    ExpectAnswer(field, node().directory() + "/no/where", *answers, answers->absolute);
    for (const std::string& word : words) ExpectAnswer(field, word, *answers, answers->word);
    ExpectAnswer(field, IdOfForeignPool(), *answers, answers->foreign_pool);
    ExpectAnswer(field, AbsentId(), *answers, answers->absent);
  }
}

TEST_F(HostileTextTest, ValuesOfKnownParametersAreCheckedToo) {
  const std::vector<std::string> values = {"../x", "/etc/shadow", "$(reboot)", "-1",
                                           "-o",   "%n",          " "};
  for (const char* const key : {"pool", "backend", "provisioning", "mkfsOptions", "mode", "uid",
                                "gid", "csi.storage.k8s.io/fstype"}) {
    for (const std::string& value : values) {
      if (key == std::string("mkfsOptions") && value == " ") continue;  // that is no option
      SCOPED_TRACE(absl::StrCat(key, ": \"", value, "\""));
      csi::v1::CreateVolumeRequest request = client().VolumeRequest("volume with parameters", 0);
      request.mutable_parameters()->erase("backend");
      (*request.mutable_parameters())[key] = value;
      const absl::Status answered = Send(request);
      // A pool may have any name, so this one is not there.
      const bool pool = std::string(key) == "pool";
      EXPECT_THAT(answered,
                  StatusIs(pool ? StatusCode::kResourceExhausted : StatusCode::kInvalidArgument,
                           HasSubstr(key)));
    }
  }
}

TEST_F(HostileTextTest, WhatIsNotUtf8IsRefusedEverywhere) {
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    for (const std::string& text : {"a\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s}) {
      const std::unique_ptr<Message> request = HarmlessFor(field);
      field.Put(*request, text);
      const absl::Status answered = Send(*request);
      if (ServiceIsServed(field)) {
        EXPECT_THAT(answered, StatusIs(StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
      } else {
        EXPECT_THAT(answered, StatusIs(StatusCode::kUnimplemented));
      }
    }
  }
}

}  // namespace
}  // namespace nodevol::testing
