// SPDX-License-Identifier: Apache-2.0
#include "storage/group_request.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kPool[] = "0123456789abcdef0123456789abcdef";

std::string IdOf(const std::string& name) { return VolumeId::ForName(kPool, name).text(); }

v1::GroupSnapshotRequest RequestOf(const std::vector<std::string>& volumes) {
  v1::GroupSnapshotRequest request;
  request.set_name("g");
  for (const std::string& volume : volumes) request.add_source_volume_ids(volume);
  return request;
}

v1::GroupSnapshotRecord GroupOf(const std::vector<std::string>& members) {
  v1::GroupSnapshotRecord group;
  group.set_id("the-group");
  for (const std::string& member : members) group.add_snapshot_ids(member);
  return group;
}

TEST(GroupRequestTest, VolumesAreInTheOrderOfTheirIds) {
  std::vector<std::string> ids = {IdOf("a"), IdOf("b"), IdOf("c"), IdOf("d")};
  ASSERT_OK_AND_ASSIGN(const std::vector<VolumeId> parsed, ParseGroupRequest(RequestOf(ids)));
  std::sort(ids.begin(), ids.end());
  ASSERT_EQ(parsed.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(parsed[i].text(), ids[i]);
}

TEST(GroupRequestTest, ImpossibleRequestsAreRefused) {
  const auto invalid = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
  };
  EXPECT_THAT(ParseGroupRequest(RequestOf({})), invalid("required"));
  EXPECT_THAT(ParseGroupRequest(RequestOf({IdOf("a"), IdOf("b"), IdOf("a")})), invalid(IdOf("a")));
  // Also when neither is an id of ours.
  EXPECT_THAT(ParseGroupRequest(RequestOf({"x", "x"})), invalid("x twice"));
  v1::GroupSnapshotRequest request = RequestOf({IdOf("a")});
  (*request.mutable_parameters())["deletionPolicy"] = "Delete";
  EXPECT_OK(ParseGroupRequest(request));
  (*request.mutable_parameters())["speed"] = "high";
  EXPECT_THAT(ParseGroupRequest(request), invalid("speed"));
}

TEST(GroupRequestTest, AsManyVolumesAsAGroupMayHave) {
  std::vector<std::string> ids;
  for (int i = 0; i < 128; ++i) ids.push_back(IdOf(absl::StrCat(i)));
  EXPECT_OK(ParseGroupRequest(RequestOf(ids)));
  ids.push_back(IdOf("one more"));
  EXPECT_THAT(ParseGroupRequest(RequestOf(ids)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 128")));
}

TEST(GroupRequestTest, WhatIsNoIdDoesNotExist) {
  EXPECT_THAT(ParseGroupRequest(RequestOf({IdOf("a"), "../x"})),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("../x")));
}

TEST(GroupRequestTest, SameGroupWhateverTheOrder) {
  v1::GroupSnapshotRecord group;
  *group.mutable_request() = RequestOf({"a", "b"});
  (*group.mutable_request()->mutable_parameters())["k"] = "v";
  v1::GroupSnapshotRequest request = RequestOf({"b", "a"});
  const auto differs = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(what));
  };
  EXPECT_THAT(CheckSameGroup(group, request), differs("parameters"));
  (*request.mutable_parameters())["k"] = "w";
  EXPECT_THAT(CheckSameGroup(group, request), differs("parameters"));
  (*request.mutable_parameters())["k"] = "v";
  EXPECT_OK(CheckSameGroup(group, request));
  request.add_source_volume_ids("c");
  EXPECT_THAT(CheckSameGroup(group, request), differs("volumes"));
  *request.mutable_source_volume_ids() = RequestOf({"a"}).source_volume_ids();
  EXPECT_THAT(CheckSameGroup(group, request), differs("volumes"));
}

TEST(GroupRequestTest, MembersAreComparedAsASet) {
  const v1::GroupSnapshotRecord group = GroupOf({"a", "b"});
  EXPECT_OK(CheckGroupMembers(group, {"a", "b"}));
  EXPECT_OK(CheckGroupMembers(group, {"b", "a", "b"}));
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{}, {"a"}, {"b"}, {"a", "b", "c"}, {"c"}}) {
    EXPECT_THAT(CheckGroupMembers(group, wrong),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the-group")));
  }
}

}  // namespace
}  // namespace nodevol::storage
