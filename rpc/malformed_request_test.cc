// SPDX-License-Identifier: Apache-2.0
#include "rpc/malformed_request.h"

#include <memory>
#include <string>

#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "rpc/test_services.h"
#include "test/client/raw_client.h"
#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::RawClient;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class MalformedRequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    controller_.handler = [this](const auto&, const csi::v1::CreateVolumeRequest& request,
                                 auto done) {
      ++handled_;
      std::move(done)(VolumeNamed(request.name()));
    };
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(directory_ / "csi.sock", {&controller_}));
    client_ = std::make_unique<RawClient>(directory_ / "csi.sock");
  }
  absl::Status Create(const std::string& bytes) {
    return client_->Send(*csi::v1::CreateVolumeRequest::descriptor(), bytes).status();
  }

  const ScratchDirectory directory_;
  Metrics metrics_;
  Calls calls_{metrics_};
  TestController controller_{calls_};
  int handled_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<RawClient> client_;
};

// Field 1 of CreateVolumeRequest, `name`.
std::string NameField(const std::string& name) {
  return std::string("\x0a") + static_cast<char>(name.size()) + name;
}

TEST_F(MalformedRequestTest, IsAnInvalidArgument) {
  for (const std::string& bytes :
       {NameField("\xff"), NameField("\xc0\xaf"), NameField("name").substr(0, 4),
        std::string("\xff\xff\xff\xff")}) {
    EXPECT_THAT(Create(bytes), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-8")));
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(MalformedRequestTest, ItsContentIsNotRepeated) {
  EXPECT_THAT(std::string(Create(NameField("canary\xff")).message()), Not(HasSubstr("canary")));
}

TEST_F(MalformedRequestTest, OthersAreServed) {
  EXPECT_OK(Create(NameField("name")));
  EXPECT_OK(Create(""));
  // A field of a later version: number 2000, empty.
  EXPECT_OK(Create(NameField("name") + "\x82\x7d" + std::string(1, '\0')));
  EXPECT_EQ(handled_, 3);
}

TEST_F(MalformedRequestTest, MethodThatDoesNotExistIsUnimplemented) {
  EXPECT_THAT(client_->Send(csi::v1::DeleteVolumeRequest()).status(),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(client_->Send(csi::v1::NodeGetInfoRequest()).status(),
              StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace nodevol::rpc
