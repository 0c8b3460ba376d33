// SPDX-License-Identifier: Apache-2.0
#include "rpc/request_check.h"

#include <climits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "csi/csi.pb.h"
#include "test/support/matchers.h"
#include "test/support/request_fields.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::AllTextFields;
using nodevol::testing::StatusIs;
using nodevol::testing::TextField;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::string_literals;  // literals with a NUL inside

constexpr size_t kString = 128;
constexpr size_t kNodeId = 256;
constexpr size_t kMap = 4096;

auto IsInvalid(const std::string& field) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field));
}

size_t LimitOf(const TextField& text) {
  const std::string& name = text.field().name();
  if (text.field().is_map() || name == "mount_flags") return kMap;
  if (absl::EndsWith(name, "_path")) return PATH_MAX - 1;
  return name == "node_id" ? kNodeId : kString;
}

TEST(RequestCheckTest, EveryTextOfEveryRequestHasItsLimit) {
  for (const TextField& text : AllTextFields()) {
    SCOPED_TRACE(text.Name());
    const size_t limit = LimitOf(text);
    // In a map the text is key and value.
    const size_t fits = text.field().is_map() ? limit / 2 : limit;
    EXPECT_OK(CheckRequest(*text.Request(std::string(fits, 'x'))));
    EXPECT_THAT(CheckRequest(*text.Request(std::string(fits + 1, 'x'))),
                IsInvalid(text.field().name()));
  }
}

TEST(RequestCheckTest, MapIsLimitedAsAWhole) {
  csi::v1::CreateVolumeRequest request;
  for (const char* const key : {"a", "b", "c", "d"}) {
    (*request.mutable_parameters())[key] = std::string(1023, 'v');
  }
  EXPECT_OK(CheckRequest(request));
  (*request.mutable_parameters())["e"] = "";
  EXPECT_THAT(CheckRequest(request), IsInvalid("parameters has 4097 bytes, the limit is 4096"));
}

TEST(RequestCheckTest, MountFlagsAreLimitedAsAWhole) {
  csi::v1::CreateVolumeRequest request;
  auto& mount = *request.add_volume_capabilities()->mutable_mount();
  mount.add_mount_flags(std::string(kMap / 2, 'x'));
  mount.add_mount_flags(std::string(kMap / 2, 'x'));
  EXPECT_OK(CheckRequest(request));
  mount.add_mount_flags("x");
  EXPECT_THAT(CheckRequest(request), IsInvalid("mount_flags"));
}

TEST(RequestCheckTest, ListOfIdsMayBeLong) {
  // A group snapshot of many volumes: the limit is each id's.
  csi::v1::CreateVolumeGroupSnapshotRequest request;
  for (int i = 0; i < 1000; ++i) request.add_source_volume_ids(std::string(kString, 'x'));
  EXPECT_OK(CheckRequest(request));
  request.add_source_volume_ids(std::string(kString + 1, 'x'));
  EXPECT_THAT(CheckRequest(request), IsInvalid("source_volume_ids"));
}

TEST(RequestCheckTest, EveryElementOfARepeatedMessageIsLookedAt) {
  csi::v1::CreateVolumeRequest request;
  auto& requirements = *request.mutable_accessibility_requirements();
  for (int i = 0; i < 1000; ++i) {
    (*requirements.add_requisite()->mutable_segments())["key"] = absl::StrCat("node-", i);
  }
  EXPECT_OK(CheckRequest(request));
  (*requirements.add_requisite()->mutable_segments())["key"] = "node\n";
  EXPECT_THAT(CheckRequest(request), IsInvalid("segments has control characters"));
}

TEST(RequestCheckTest, ControlCharactersAreRefusedEverywhereButInSecrets) {
  for (const TextField& text : AllTextFields()) {
    SCOPED_TRACE(text.Name());
    const absl::Status checked = CheckRequest(*text.Request("a\0b"s));
    if (text.IsSecret()) {
      EXPECT_OK(checked);
    } else {
      EXPECT_THAT(checked, IsInvalid(text.field().name()));
    }
  }
}

std::string Utf8(unsigned code_point) {
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xc0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3f))};
}

TEST(RequestCheckTest, ControlCharactersAreC0AndDelAndC1) {
  for (unsigned code_point = 0; code_point < 0x800; ++code_point) {
    const std::string text = absl::StrCat("a", Utf8(code_point), "z");
    const bool control = code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
    csi::v1::DeleteVolumeRequest request;
    request.set_volume_id(text);
    EXPECT_EQ(CheckRequest(request).ok(), !control) << "U+" << std::hex << code_point;
  }
}

// CreateVolumeRequest.name, CreateSnapshotRequest.name, CreateVolumeGroupSnapshotRequest.name.
TEST(RequestCheckTest, NamesMayHaveTabsAndLineBreaks) {
  for (const TextField& text : AllTextFields()) {
    SCOPED_TRACE(text.Name());
    const bool name = text.field().name() == "name";
    for (const char* const whitespace : {"\t", "\n", "\r"}) {
      EXPECT_EQ(CheckRequest(*text.Request(absl::StrCat("a", whitespace, "z"))).ok(),
                name || text.IsSecret());
    }
    for (const std::string& banned : {"\b"s, "\v"s, "\f"s, "\x0e"s, "\x1b"s, "\x7f"s, "\u0085"s}) {
      EXPECT_EQ(CheckRequest(*text.Request(absl::StrCat("a", banned, "z"))).ok(), text.IsSecret());
    }
  }
}

TEST(RequestCheckTest, AtEitherEndACharacterIsSeenToo) {
  for (const std::string& name : {"\x1fname"s, "name\x7f"s, "name\u0085"s, "\0"s}) {
    csi::v1::CreateVolumeRequest request;
    request.set_name(name);
    EXPECT_THAT(CheckRequest(request), IsInvalid("name has control characters"));
  }
}

TEST(RequestCheckTest, OtherUnicodeIsAllowed) {
  csi::v1::CreateVolumeRequest request;
  request.set_name("größe € 卷 😀");
  EXPECT_OK(CheckRequest(request));
}

TEST(RequestCheckTest, ValueIsNeverRepeated) {
  for (const TextField& text : AllTextFields()) {
    SCOPED_TRACE(text.Name());
    const std::string canary = "canary";
    for (const std::string& bad : {canary + '\x7f', canary + std::string(PATH_MAX, 'x')}) {
      EXPECT_THAT(std::string(CheckRequest(*text.Request(bad)).message()), Not(HasSubstr(canary)));
    }
  }
}

TEST(RequestCheckTest, EmptyRequestIsFine) {
  EXPECT_OK(CheckRequest(csi::v1::CreateVolumeRequest()));
  EXPECT_OK(CheckRequest(csi::v1::ProbeRequest()));
}

}  // namespace
}  // namespace nodevol::rpc
