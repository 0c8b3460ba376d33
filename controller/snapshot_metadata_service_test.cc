// SPDX-License-Identifier: Apache-2.0
#include "controller/snapshot_metadata_service.h"

#include <memory>
#include <string>
#include <vector>

#include "controller/controller_fixture.h"
#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "test/client/csi_client.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::CsiClient;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Stub = CsiClient::SnapshotMetadata;

constexpr int64_t kBlock = storage::kBlockAlignment;

class SnapshotMetadataServiceTest : public ControllerFixture {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(server_, rpc::Server::Start(path_, {&service_})); }

  // The offsets that a stream tells.
  template <typename Message, typename Request>
  absl::Status Offsets(std::unique_ptr<grpc::ClientReader<Message>> (Stub::*method)(
                           grpc::ClientContext*, const Request&),
                       const Request& request, std::vector<int64_t>& offsets) {
    return client_.Stream<Stub, Request, Message>(method, request, [&](const Message& message) {
      for (const auto& block : message.block_metadata()) offsets.push_back(block.byte_offset());
      return true;
    });
  }

  const rpc::ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  rpc::Metrics metrics_;
  rpc::Calls calls_{metrics_};
  SingleNode cluster_{storage_};
  SnapshotMetadataHandler metadata_{cluster_};
  SnapshotMetadataService service_{calls_, metadata_};
  std::unique_ptr<rpc::Server> server_;
  CsiClient client_{path_};
};

TEST_F(SnapshotMetadataServiceTest, EveryCallReachesItsHandler) {
  storage_.allocated = {{.offset = kBlock, .length = kBlock}};
  storage_.changed = {{.offset = 2 * kBlock, .length = kBlock}};
  csi::v1::GetMetadataAllocatedRequest allocated;
  csi::v1::GetMetadataDeltaRequest delta;
  std::vector<int64_t> offsets;
  // An empty request is answered by the handler's first check.
  EXPECT_THAT(Offsets(&Stub::GetMetadataAllocated, allocated, offsets),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("snapshot_id")));
  EXPECT_THAT(Offsets(&Stub::GetMetadataDelta, delta, offsets),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("target_snapshot_id")));
  delta.set_base_snapshot_id(MakeSnapshot("base", "volume"));
  delta.set_target_snapshot_id(MakeSnapshot("target", "volume"));
  allocated.set_snapshot_id(delta.target_snapshot_id());
  EXPECT_OK(Offsets(&Stub::GetMetadataAllocated, allocated, offsets));
  EXPECT_THAT(offsets, ElementsAre(kBlock));
  offsets.clear();
  EXPECT_OK(Offsets(&Stub::GetMetadataDelta, delta, offsets));
  EXPECT_THAT(offsets, ElementsAre(2 * kBlock));
}

}  // namespace
}  // namespace nodevol::controller
