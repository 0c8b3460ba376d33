// SPDX-License-Identifier: Apache-2.0
#include "rpc/redact.h"

#include <memory>
#include <string>

#include "google/protobuf/util/message_differencer.h"

#include "csi/csi.pb.h"
#include "test/support/matchers.h"
#include "test/support/request_fields.h"

namespace nodevol::rpc {
namespace {

using google::protobuf::util::MessageDifferencer;
using nodevol::testing::AllTextFields;
using nodevol::testing::TextField;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCanary[] = "canary-4711";

TEST(RedactTest, SecretsOfEveryRequestAreGoneAndAllElseStays) {
  int secrets = 0;
  int others = 0;
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    const std::string json = RedactedJson(*field.Request(kCanary));
    if (field.IsSecret() || field.field().name() == "mount_flags") {
      EXPECT_THAT(json, Not(HasSubstr(kCanary)));
      ++secrets;
    } else {
      EXPECT_THAT(json, HasSubstr(kCanary));
      ++others;
    }
  }
  // What csi.proto 1.13 has; fewer would mean that this test looks at nothing.
  EXPECT_GE(secrets, 20);
  EXPECT_GE(others, 60);
}

TEST(RedactTest, NamesOfSecretsAreGoneToo) {
  csi::v1::CreateVolumeRequest request;
  (*request.mutable_secrets())[kCanary] = "";
  EXPECT_THAT(RedactedJson(request), Not(HasSubstr(kCanary)));
}

TEST(RedactTest, EveryElementOfARepeatedMessageIsRedacted) {
  csi::v1::CreateVolumeRequest request;
  for (int i = 0; i < 3; ++i) {
    auto& mount = *request.add_volume_capabilities()->mutable_mount();
    mount.set_fs_type("xfs");
    mount.add_mount_flags(kCanary);
    mount.add_mount_flags(kCanary);
  }
  const std::string json = RedactedJson(request);
  EXPECT_THAT(json, Not(HasSubstr(kCanary)));
  EXPECT_THAT(json, HasSubstr("xfs"));
}

TEST(RedactTest, TheMessageItselfIsLeftAlone) {
  csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id("volume");
  (*request.mutable_secrets())["password"] = kCanary;
  request.mutable_volume_capability()->mutable_mount()->add_mount_flags(kCanary);
  const csi::v1::NodePublishVolumeRequest before = request;
  EXPECT_EQ(RedactedJson(request), R"({"volumeId":"volume","volumeCapability":{"mount":{}}})");
  EXPECT_TRUE(MessageDifferencer::Equals(request, before));
}

TEST(RedactTest, EmptyMessageIsEmptyJson) {
  EXPECT_EQ(RedactedJson(csi::v1::ProbeRequest()), "{}");
}

}  // namespace
}  // namespace nodevol::rpc
