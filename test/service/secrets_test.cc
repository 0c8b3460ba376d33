// SPDX-License-Identifier: Apache-2.0
//
// What csi.proto calls a secret is in no log line, at any level and in any format, in no metric and
// in no error, however the call ends.
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"

#include "test/client/ground.h"
#include "test/client/raw_client.h"
#include "test/service/harmless_requests.h"
#include "test/service/pool_listing.h"
#include "test/service/service_fixture.h"
#include "test/support/http_request.h"
#include "test/support/matchers.h"
#include "test/support/request_fields.h"

namespace nodevol::testing {
namespace {

using google::protobuf::Message;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCanary[] = "canary-4711";

// mount_flags may hold secrets too (spec, VolumeCapability).
bool IsSensitive(const TextField& field) {
  return field.IsSecret() || field.field().name() == "mount_flags";
}

struct Logging {
  std::string level;
  std::string format;
};

std::string LoggingName(const ::testing::TestParamInfo<Logging>& info) {
  return absl::StrCat(info.param.level, "_", info.param.format);
}

class SecretsTest : public ServiceFixture, public ::testing::WithParamInterface<Logging> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        StartNode({.ground = DirectoryOnBtrfs(),
                   .more_flags = {absl::StrCat("--log-level=", GetParam().level),
                                  absl::StrCat("--log-format=", GetParam().format),
                                  absl::StrCat("--metrics-address=127.0.0.1:", port_)}}));
    ASSERT_OK(harmless_.SetUp(node()));
    raw_ = std::make_unique<RawClient>(node().driver().socket_path());
  }
  void TearDown() override {
    raw_.reset();
    ServiceFixture::TearDown();
  }

  // Answered OK, refused as a whole, refused for the secret itself, and not understood.
  void SendWithSecret(const TextField& field) {
    SCOPED_TRACE(field.Name());
    std::vector<std::unique_ptr<Message>> requests;
    requests.push_back(harmless_.For(field.request()));
    field.Put(*requests.back(), kCanary);
    requests.push_back(field.Request(kCanary));
    requests.push_back(field.Request(absl::StrCat(kCanary, std::string(5000, 'x'))));
    requests.push_back(field.Request(absl::StrCat(kCanary, "\n")));
    for (const std::unique_ptr<Message>& request : requests) {
      const absl::Status answered = raw_->Send(*request).status();
      EXPECT_THAT(std::string(answered.message()), Not(HasSubstr(kCanary)));
    }
    const std::string bytes = requests.front()->SerializeAsString() + "\xff";
    EXPECT_THAT(std::string(raw_->Send(field.request(), bytes).status().message()),
                Not(HasSubstr(kCanary)));
  }

  const uint16_t port_ = FreePort();
  HarmlessRequests harmless_;
  std::unique_ptr<RawClient> raw_;
};
INSTANTIATE_TEST_SUITE_P(, SecretsTest,
                         ::testing::Values(Logging{"debug", "text"}, Logging{"debug", "json"},
                                           Logging{"info", "text"}),
                         LoggingName);

TEST_P(SecretsTest, AreNowhere) {
  std::set<std::string> methods;
  for (const TextField& field : AllTextFields()) {
    if (!IsSensitive(field)) continue;
    ASSERT_NO_FATAL_FAILURE(SendWithSecret(field));
    if (harmless_.IsServed(field.request())) methods.insert(field.request().name());
  }
  EXPECT_THAT(methods, SizeIs(Gt(10U)));
  const std::string metrics = AskHttp(port_, "GET /metrics");
  EXPECT_THAT(metrics, HasSubstr("CreateVolume"));
  EXPECT_THAT(metrics, Not(HasSubstr(kCanary)));
  // The records keep requests, but these not.
  for (const std::string& line : ListPool(node().disk().path())) {
    EXPECT_THAT(line, Not(HasSubstr(kCanary)));
  }
  raw_.reset();
  EXPECT_OK(node().Stop());
  const std::string log = node().driver().Log();
  EXPECT_THAT(log, Not(HasSubstr(kCanary)));
  // That there is a line for each call is what makes this a test.
  for (const std::string& method : methods) {
    const std::string name = method.substr(0, method.size() - std::string("Request").size());
    EXPECT_THAT(log, HasSubstr(name));
  }
}

}  // namespace
}  // namespace nodevol::testing
