// SPDX-License-Identifier: Apache-2.0
//
// Group 2, "Field Requirements" and "Error Scheme": what a field may hold, in both directions, and
// what an error says.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

#include <limits.h>

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::string_literals;  // literals with a NUL inside

constexpr size_t kMaxString = 128;
constexpr size_t kMaxMap = 4096;
constexpr size_t kMaxNodeId = 256;

size_t SizeOf(const google::protobuf::Map<std::string, std::string>& map) {
  size_t bytes = 0;
  for (const auto& [key, value] : map) bytes += key.size() + value.size();
  return bytes;
}

class FieldLimitsConformance : public VolumeTest {
 protected:
  // A volume of this name, which would otherwise be made.
  absl::Status CreateNamed(const std::string& name) {
    csi::v1::CreateVolumeRequest request = VolumeRequest();
    request.set_name(name);
    return Create(request).status();
  }
  [[nodiscard]] std::string NameOfLength(size_t bytes) const {
    std::string name = UniqueName("");
    name.resize(bytes, 'x');
    return name;
  }
  // A directory beneath the test's, whose path has so many bytes.
  [[nodiscard]] std::string MakeDirectoryOfLength(size_t bytes) const {
    std::string path = directory();
    constexpr size_t kName = 200;
    while (path.size() + kName + 2 < bytes) {
      path.append("/").append(kName, 'd');
      ::mkdir(path.c_str(), 0750);
    }
    path.append("/").append(bytes - path.size() - 1, 'd');
    ::mkdir(path.c_str(), 0750);
    return path;
  }
};

// "Size Limits": 128 bytes of a string.
TEST_F(FieldLimitsConformance, NameOf128BytesIsAccepted) {
  EXPECT_OK(CreateNamed(NameOfLength(kMaxString)));
}

TEST_F(FieldLimitsConformance, LongerNameIsRefused) {
  for (const size_t bytes : {kMaxString + 1, size_t{10} * 1024}) {
    EXPECT_THAT(CreateNamed(NameOfLength(bytes)), StatusIs(StatusCode::kInvalidArgument)) << bytes;
  }
}

// CreateVolumeRequest.name: "Any Unicode string ... is allowed except" the banned characters.
TEST_F(FieldLimitsConformance, NameMayHaveAnyUnicode) {
  for (const char* const text : {"größe", "卷😀", " a b ", "a/b", "../a", ".", "a\tb", "a\nb",
                                 "a\rb", "%s$(id)`id`'\"\\", "-rf"}) {
    SCOPED_TRACE(text);
    EXPECT_OK(CreateNamed(UniqueName(text)));
  }
}

TEST_F(FieldLimitsConformance, NameWithABannedCharacterIsRefused) {
  for (const std::string& text : {"\0"s, "\x01"s, "\x08"s, "\x0b"s, "\x0c"s, "\x0e"s, "\x1f"s,
                                  "\x7f"s, "\u0080"s, "\u009f"s}) {
    const std::string name = UniqueName(absl::StrCat("a", text, "b"));
    EXPECT_THAT(CreateNamed(name), StatusIs(StatusCode::kInvalidArgument))
        << static_cast<int>(static_cast<unsigned char>(text.back()));
  }
}

// CreateSnapshotRequest.name has the same words.
TEST_F(FieldLimitsConformance, NamesOfSnapshotsHaveTheSameRules) {
  REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  csi::v1::CreateSnapshotRequest request = SnapshotRequest(volume.volume_id());
  for (const std::string& name : {NameOfLength(kMaxString), UniqueName("卷\t😀")}) {
    request.set_name(name);
    EXPECT_OK(Create(request)) << name;
  }
  for (const std::string& name : {NameOfLength(kMaxString + 1), UniqueName("a\x7f")}) {
    request.set_name(name);
    EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
  }
}

// "Size Limits": 4 KiB of a map.
TEST_F(FieldLimitsConformance, MapBeyond4KiBIsRefused) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  (*request.mutable_secrets())["token"] = std::string(kMaxMap, 'x');
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(FieldLimitsConformance, MapOf4KiBIsAccepted) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  for (const auto& [key, value] : options().secrets) (*request.mutable_secrets())[key] = value;
  const size_t bytes = SizeOf(request.secrets()) + "token"s.size();
  (*request.mutable_secrets())["token"] = std::string(kMaxMap - bytes, 'x');
  EXPECT_OK(Create(request));
}

// MountVolume.mount_flags: 4 KiB in all.
TEST_F(FieldLimitsConformance, MountFlagsBeyond4KiBAreRefused) {
  if (driver().IsBlock()) GTEST_SKIP() << "block volumes are not mounted";
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  csi::v1::VolumeCapability::MountVolume& mount =
      *request.mutable_volume_capabilities(0)->mutable_mount();
  for (int i = 0; i < 600; ++i) mount.add_mount_flags("noatime");
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// The limits "apply for messages generated by both COs and plugins"; NodeGetInfoResponse.node_id
// overrides them.
TEST_F(FieldLimitsConformance, AnswersKeepTheLimits) {
  ASSERT_OK_AND_ASSIGN(const auto info,
                       driver().Call(&Identity::GetPluginInfo, csi::v1::GetPluginInfoRequest()));
  EXPECT_THAT(info.vendor_version(), SizeIs(Le(kMaxString)));
  EXPECT_LE(SizeOf(info.manifest()), kMaxMap);
  EXPECT_THAT(driver().node().node_id(), SizeIs(Le(kMaxNodeId)));
  EXPECT_THAT(driver().node().node_id(), Not(IsEmpty()));
  EXPECT_THAT(driver().node().max_volumes_per_node(), Ge(0));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  EXPECT_THAT(volume.volume_id(), SizeIs(Le(kMaxString)));
  EXPECT_LE(SizeOf(volume.volume_context()), kMaxMap);
  EXPECT_THAT(volume.capacity_bytes(), Ge(0));
}

// Path fields: at least 128 bytes MUST be accepted, what the system allows SHOULD.
TEST_F(FieldLimitsConformance, PathsMayBeAsLongAsTheSystemAllows) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  for (const size_t bytes : {size_t{128}, size_t{3000}, size_t{PATH_MAX} - 256}) {
    SCOPED_TRACE(bytes);
    NodeVolume on_node(driver(), traces(), volume, options().capability,
                       MakeDirectoryOfLength(bytes), "volume");
    ASSERT_OK(on_node.Start());
    EXPECT_OK(on_node.In().Write("content", "content"));
    EXPECT_OK(on_node.Stop());
    EXPECT_FALSE(Exists(on_node.Target()));
  }
}

// "Error Scheme": a message, and no details.
TEST_F(FieldLimitsConformance, FailureHasAMessageAndNoDetails) {
  const auto connect = [](const std::string& socket) {
    return grpc::CreateChannel("unix://" + socket, grpc::InsecureChannelCredentials());
  };
  const auto controller = csi::v1::Controller::NewStub(connect(options().controller_socket_path));
  const auto node = csi::v1::Node::NewStub(connect(options().socket_path));
  std::vector<grpc::Status> failures;
  {
    grpc::ClientContext context;
    csi::v1::CreateVolumeResponse response;
    failures.push_back(
        controller->CreateVolume(&context, csi::v1::CreateVolumeRequest(), &response));
  }
  {
    grpc::ClientContext context;
    csi::v1::ValidateVolumeCapabilitiesRequest request;
    request.set_volume_id("no-such-volume");
    *request.add_volume_capabilities() = options().capability;
    csi::v1::ValidateVolumeCapabilitiesResponse response;
    failures.push_back(controller->ValidateVolumeCapabilities(&context, request, &response));
  }
  {
    grpc::ClientContext context;
    csi::v1::NodePublishVolumeResponse response;
    failures.push_back(
        node->NodePublishVolume(&context, csi::v1::NodePublishVolumeRequest(), &response));
  }
  for (const grpc::Status& failure : failures) {
    EXPECT_FALSE(failure.ok());
    EXPECT_THAT(failure.error_message(), Not(IsEmpty()));
    EXPECT_THAT(failure.error_details(), IsEmpty());
  }
}

}  // namespace
}  // namespace nodevol::testing
