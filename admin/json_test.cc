// SPDX-License-Identifier: Apache-2.0
#include "admin/json.h"

#include "google/protobuf/util/json_util.h"

#include "proto/admin.pb.h"
#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

TEST(JsonTest, HasEveryFieldWithNumbersAsNumbers) {
  v1::Snapshot snapshot;
  snapshot.set_id("i\"d");
  snapshot.set_name("a\x1b[m");
  snapshot.set_size_bytes(INT64_MAX);
  snapshot.mutable_created()->set_seconds(1795455743);
  EXPECT_EQ(ToJson(snapshot),
            "{\n"
            "  \"id\": \"i\\\"d\",\n"
            "  \"name\": \"a\\u001b[m\",\n"
            "  \"pool\": \"\",\n"
            "  \"state\": \"\",\n"
            "  \"reason\": \"\",\n"
            "  \"source_volume_id\": \"\",\n"
            "  \"source_volume_name\": \"\",\n"
            "  \"size_bytes\": 9223372036854775807,\n"
            "  \"pinned_bytes\": 0,\n"
            "  \"created\": \"2026-11-23T17:42:23Z\",\n"
            "  \"group_snapshot_id\": \"\"\n"
            "}\n");
}

TEST(JsonTest, ListsMapsAndMessagesNest) {
  v1::ListPoolsResponse response;
  (*response.mutable_node()->mutable_topology())["b"] = "2";
  (*response.mutable_node()->mutable_topology())["a"] = "1";
  (*response.mutable_node()->mutable_topology())[""] = "0";
  EXPECT_EQ(ToJson(response),
            "{\n"
            "  \"node\": {\n"
            "    \"node_id\": \"\",\n"
            "    \"driver_name\": \"\",\n"
            "    \"version\": \"\",\n"
            "    \"topology\": {\n"
            "      \"\": \"0\",\n"
            "      \"a\": \"1\",\n"
            "      \"b\": \"2\"\n"
            "    }\n"
            "  },\n"
            "  \"pools\": []\n"
            "}\n");
}

TEST(JsonTest, UnsetMessagesAndChoicesAreLeftOut) {
  nodevol::v1::VolumeCapability capability;
  EXPECT_EQ(ToJson(capability), "{\n  \"access_mode\": \"ACCESS_MODE_UNKNOWN\"\n}\n");
  capability.mutable_block();
  EXPECT_EQ(ToJson(capability),
            "{\n  \"block\": {},\n  \"access_mode\": \"ACCESS_MODE_UNKNOWN\"\n}\n");
}

// Protobuf reads it back: nothing is lost, and it is JSON.
TEST(JsonTest, IsReadBackByProtobuf) {
  v1::GetVolumeResponse response;
  response.mutable_volume()->set_name("quotes \" and \\ and \xc2\x9b");
  response.mutable_volume()->add_mounts("/a");
  response.mutable_volume()->add_mounts("/b");
  response.mutable_record()->set_generation(UINT64_MAX);
  response.mutable_record()->mutable_image()->set_thick(true);
  (*response.mutable_record()->mutable_volume_context())["pool"] = "ssd";
  response.mutable_usage()->set_used_bytes(-1);
  v1::GetVolumeResponse again;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(ToJson(response), &again).ok());
  EXPECT_EQ(again.DebugString(), response.DebugString());
}

}  // namespace
}  // namespace nodevol::admin
