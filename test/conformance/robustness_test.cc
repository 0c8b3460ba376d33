// SPDX-License-Identifier: Apache-2.0
//
// Group 21, robustness: every field of every request with what no CO should send. What comes of it
// is a decided answer, and a plugin that goes on. Which answer, field by field, our own driver is
// asked in test/service/hostile_text_test.cc; SIGTERM, full disks and damaged records are in
// test/service/shutdown_test.cc, storage/full_pool_test.cc and storage/record_file_test.cc.
//
// A driver that is led astray may delete what it is led to: all paths here lead to a file of the
// test's own, and whether that is still there is part of the test.
#include <sys/stat.h>

#include <fstream>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "test/conformance/harmless_fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using namespace std::string_literals;  // literals with a NUL inside

class RobustnessConformance : public HarmlessFixture {
 protected:
  // A code that says that the plugin did not know what to make of it, or is no more.
  static bool IsDecided(const absl::Status& status) {
    switch (status.code()) {
      case StatusCode::kUnknown:
      case StatusCode::kInternal:
      case StatusCode::kDataLoss:
      case StatusCode::kDeadlineExceeded:
      case StatusCode::kCancelled:
        return false;
      default:
        return true;
    }
  }
  void ExpectAlive() {
    EXPECT_OK(driver().Call(&Identity::Probe, csi::v1::ProbeRequest()));
    EXPECT_THAT(NamesIn(directory()), ElementsAreArray(names_)) << "something was made or removed";
    EXPECT_THAT(NamesIn(directory() + "/decoy"), ElementsAre("precious"));
  }
  void ExpectDecided(const Message& request) {
    const absl::Status answered = Send(request);
    EXPECT_TRUE(IsDecided(answered)) << answered;
    // A crash is UNAVAILABLE too.
    if (absl::IsUnavailable(answered)) ExpectAlive();
  }
  void SetUp() override {
    HarmlessFixture::SetUp();
    ASSERT_EQ(::mkdir((directory() + "/decoy").c_str(), 0750), 0);
    std::ofstream(Decoy()) << "precious";
    names_ = NamesIn(directory());
  }
  [[nodiscard]] std::string Decoy() const { return directory() + "/decoy/precious"; }

  std::vector<std::string> names_;
};

// "Error Scheme": a canonical code that says what is wrong.
TEST_F(RobustnessConformance, HostileTextInAnyFieldIsAnswered) {
  const std::vector<std::string> texts = {"../x",
                                          absl::StrCat("../../../../../../../..", Decoy()),
                                          Decoy(),
                                          directory() + "/no/where",
                                          "a\0b"s,
                                          "a\x7f",
                                          "%s%n$(reboot);`id`",
                                          "-o",
                                          std::string(size_t{5} * 1024, 'x'),
                                          std::string(size_t{64} * 1024, 'x')};
  for (const TextField& field : AllTextFields()) {
    for (const std::string& text : texts) {
      SCOPED_TRACE(absl::StrCat(field.Name(), ": ", text.substr(0, 40)));
      const std::unique_ptr<Message> request = HarmlessFor(field);
      field.Put(*request, text);
      ASSERT_NO_FATAL_FAILURE(ExpectDecided(*request));
    }
    SCOPED_TRACE(field.Name());
    ASSERT_NO_FATAL_FAILURE(ExpectAlive());
  }
}

TEST_F(RobustnessConformance, HostileNumberInAnyFieldIsAnswered) {
  for (const NumberField& field : AllNumberFields()) {
    for (const int64_t number :
         {int64_t{-1}, int64_t{99}, std::numeric_limits<int64_t>::min(),
          std::numeric_limits<int64_t>::max(), int64_t{std::numeric_limits<int32_t>::min()},
          int64_t{std::numeric_limits<int32_t>::max()}}) {
      SCOPED_TRACE(absl::StrCat(field.Name(), ": ", number));
      const std::unique_ptr<Message> request = HarmlessFor(field);
      field.Put(*request, number);
      ASSERT_NO_FATAL_FAILURE(ExpectDecided(*request));
    }
    SCOPED_TRACE(field.Name());
    ASSERT_NO_FATAL_FAILURE(ExpectAlive());
  }
}

// "Connectivity": proto3, whose strings are UTF-8. gRPC's own answer may be INTERNAL.
TEST_F(RobustnessConformance, WhatIsNoUtf8OrNoMessageIsRefused) {
  for (const TextField& field : AllTextFields()) {
    SCOPED_TRACE(field.Name());
    for (const std::string& text : {"a\xff"s, "\xed\xa0\x80"s}) {
      const std::unique_ptr<Message> request = HarmlessFor(field);
      field.Put(*request, text);
      EXPECT_FALSE(Send(*request).ok());
    }
    EXPECT_FALSE(driver().SendBytes(field.request(), std::string(64, '\xff')).ok());
    ASSERT_NO_FATAL_FAILURE(ExpectAlive());
  }
}

TEST_F(RobustnessConformance, EnormousMessageIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest("enormous");
  for (int i = 0; i < 3000; ++i) {
    (*request.mutable_parameters())[absl::StrCat("key-", i)] = std::string(size_t{10} * 1024, 'x');
  }
  EXPECT_FALSE(Send(request).ok());
  ASSERT_NO_FATAL_FAILURE(ExpectAlive());
}

// The volume in the middle of all that.
TEST_F(RobustnessConformance, VolumeInUseIsNotTouchedByRequestsAboutOthers) {
  ASSERT_OK(volume().In().Write("content", "content"));
  for (const TextField& field : AllTextFields()) {
    const std::string& name = field.field().name();
    if (name != "volume_id" && !absl::EndsWith(name, "_path")) continue;
    for (const std::string& text :
         {"../"s + volume().id(), volume().id() + "/."s, volume().id() + "\n"s,
          volume().Target() + "/..", directory() + "/./nowhere"}) {
      const std::unique_ptr<Message> request = HarmlessFor(field);
      // A call that takes the volume down may do so.
      const std::string& method = field.request().name();
      if (absl::StrContains(method, "Unpublish") || absl::StrContains(method, "Unstage")) continue;
      field.Put(*request, text);
      ASSERT_NO_FATAL_FAILURE(ExpectDecided(*request)) << field.Name() << ": " << text;
    }
  }
  EXPECT_THAT(volume().In().Read("content", 7), IsOkAndHolds("content"));
}

class UnannouncedConformance : public ConformanceTest {
 protected:
  // What is not announced, of an enum of capabilities, is not served.
  template <typename Type>
  void ExpectOnlyAnnouncedServed(const google::protobuf::EnumDescriptor& types) {
    for (int i = 0; i < types.value_count(); ++i) {
      const auto type = static_cast<Type>(types.value(i)->number());
      if (!driver().Announces(type)) ExpectUnimplemented(type);
    }
  }
};

// "Error Scheme", Call not implemented: "not implemented by the Plugin or disabled".
TEST_F(UnannouncedConformance, CallThatIsNotAnnouncedIsUnimplemented) {
  ExpectOnlyAnnouncedServed<PluginService::Type>(*PluginService::Type_descriptor());
  ExpectOnlyAnnouncedServed<ControllerRpc::Type>(*ControllerRpc::Type_descriptor());
  ExpectOnlyAnnouncedServed<GroupRpc::Type>(*GroupRpc::Type_descriptor());
  ExpectOnlyAnnouncedServed<NodeRpc::Type>(*NodeRpc::Type_descriptor());
}

// "Filesystem": nothing "adjacent to the UNIX socket"; "CSI_ENDPOINT": it ends with .sock.
TEST_F(UnannouncedConformance, NothingIsMadeBesideTheSocket) {
  const std::string& socket = options().socket_path;
  const size_t slash = socket.rfind('/');
  const std::string name = socket.substr(slash + 1);
  EXPECT_TRUE(absl::EndsWith(name, ".sock")) << name;
  for (const std::string& neighbour : NamesIn(socket.substr(0, slash))) {
    EXPECT_TRUE(neighbour == name || !absl::StrContains(neighbour, name)) << neighbour;
  }
  EXPECT_EQ(NamesIn(socket.substr(0, slash)), driver().socket_neighbours())
      << "was made beside the socket since this program was started";
}

}  // namespace
}  // namespace nodevol::testing
