// SPDX-License-Identifier: Apache-2.0
//
// Group 20, "Secrets Requirements" and "Logging": what csi.proto marks as a secret, and mount_flags
// ("MUST NOT leak this information"), are in no error and in nothing that the driver writes (--log;
// start it with its most talkative log level). What it keeps on its disk only its owner can look
// through: test/service/secrets_test.cc.
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/conformance/harmless_fixture.h"

namespace nodevol::testing {
namespace {

using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCanary[] = "canary-4711";

class SecretsConformance : public HarmlessFixture {
 protected:
  static std::string Log() {
    std::ifstream file(options().log_path);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
  }
  static bool IsSensitive(const TextField& field) {
    return field.IsSecret() || field.field().name() == "mount_flags";
  }
  // Answered OK, refused as a whole, and refused for the secret itself.
  [[nodiscard]] std::vector<std::unique_ptr<Message>> RequestsWith(const TextField& field) const {
    std::vector<std::unique_ptr<Message>> requests;
    requests.push_back(HarmlessFor(field));
    field.Put(*requests.back(), kCanary);
    requests.push_back(field.Request(kCanary));
    requests.push_back(field.Request(absl::StrCat(kCanary, std::string(5000, 'x'))));
    return requests;
  }
};

TEST_F(SecretsConformance, AreInNoErrorAndInNoLog) {
  const std::string before = Log();
  for (const TextField& field : AllTextFields()) {
    if (!IsSensitive(field)) continue;
    SCOPED_TRACE(field.Name());
    for (const std::unique_ptr<Message>& request : RequestsWith(field)) {
      EXPECT_THAT(std::string(Send(*request).message()), Not(HasSubstr(kCanary)));
    }
  }
  if (options().log_path.empty()) GTEST_SKIP() << "no --log: only errors were looked at";
  const std::string after = Log();
  ASSERT_GT(after.size(), before.size()) << options().log_path << " is not where the driver writes";
  EXPECT_THAT(after, Not(HasSubstr(kCanary)));
}

// "Error Scheme", Permission denied, Not authenticated: of a driver that needs no secrets.
TEST_F(SecretsConformance, WhereNoneAreNeededNoneAreWrong) {
  if (!options().secrets.empty()) GTEST_SKIP() << "the driver needs --secrets";
  for (const TextField& field : AllTextFields()) {
    if (!field.IsSecret()) continue;
    const std::unique_ptr<Message> request = HarmlessFor(field);
    field.Put(*request, kCanary);
    const absl::Status answered = Send(*request);
    EXPECT_FALSE(absl::IsUnauthenticated(answered)) << field.Name();
    EXPECT_FALSE(absl::IsPermissionDenied(answered)) << field.Name();
  }
}

}  // namespace
}  // namespace nodevol::testing
