// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/startup_taint.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/fake_api_server.h"
#include "test/support/matchers.h"

namespace nodevol::kubernetes {
namespace {

using nodevol::testing::FakeApiServer;
using nodevol::testing::HttpsAnswer;
using nodevol::testing::HttpsRequest;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNodePath[] = "/api/v1/nodes/worker-1.example";
constexpr char kCsiNodePath[] = "/apis/storage.k8s.io/v1/csinodes/worker-1.example";
constexpr char kOurs[] = R"({"key":"csi.nodevol.io/agent-not-ready","effect":"NoExecute"})";
constexpr char kOther[] =
    R"({"key":"dedicated","value":"db","effect":"NoSchedule","timeAdded":"2026-01-01T00:00:00Z"})";
constexpr char kMissing[] = R"({"kind":"Status","message":"not found"})";

class StartupTaintTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.AnswerBy([this](const HttpsRequest& request) { return Answer(request); });
  }
  HttpsAnswer Answer(const HttpsRequest& request) {
    if (request.method == "PATCH") {
      patches_.push_back(request);
      return {patch_code_, patch_code_ == 200 ? "{}" : R"({"message":"changed meanwhile"})"};
    }
    if (request.target == kNodePath) {
      if (!has_node_) return {404, kMissing};
      return {200, absl::StrCat(R"({"kind":"Node","metadata":{"uid":"uid-1",)", version_,
                                R"("name":"worker-1.example"},"spec":{)", taints_, "}}")};
    }
    if (request.target != kCsiNodePath || drivers_.empty()) return {404, kMissing};
    if (csi_node_code_ != 200) return {csi_node_code_, R"({"message":"not you"})"};
    return {200, absl::StrCat(R"({"kind":"CSINode","metadata":{"ownerReferences":[{"uid":")",
                              owner_, R"("}]},"spec":{"drivers":)", drivers_, "}}")};
  }
  absl::StatusOr<bool> Clear() { return taint_.Clear({"worker-1.example", "uid-1"}); }

  std::string taints_ = absl::StrCat(R"("taints":[)", kOther, ",", kOurs, "]");
  std::string drivers_ = R"([{"name":"other.csi"},{"name":"csi.nodevol.io","nodeID":"worker-1"}])";
  std::string version_ = R"("resourceVersion":"17",)";
  std::string owner_ = "uid-1";
  bool has_node_ = true;
  int csi_node_code_ = 200;
  int patch_code_ = 200;
  std::vector<HttpsRequest> patches_;
  FakeApiServer server_;
  ApiClient client_{server_.options()};
  ApiStartupTaint taint_{client_, "csi.nodevol.io", "csi.nodevol.io/agent-not-ready"};
};

TEST_F(StartupTaintTest, IsTakenOffWhereTheDriverIsRegisteredAndOthersStay) {
  EXPECT_THAT(Clear(), IsOkAndHolds(true));
  ASSERT_EQ(patches_.size(), 1);
  EXPECT_EQ(patches_[0].target, kNodePath);
  EXPECT_EQ(patches_[0].headers.at("content-type"), "application/merge-patch+json");
  // For the node as it was read, and no other.
  EXPECT_THAT(patches_[0].body, HasSubstr(R"("metadata":{"resourceVersion":"17"})"));
  EXPECT_THAT(patches_[0].body, HasSubstr(R"("key":"dedicated")"));
  EXPECT_THAT(patches_[0].body, HasSubstr(R"("timeAdded":"2026-01-01T00:00:00Z")"));
  EXPECT_THAT(patches_[0].body, Not(HasSubstr("agent-not-ready")));
}

TEST_F(StartupTaintTest, LastTaintLeavesAnEmptyList) {
  taints_ = absl::StrCat(R"("taints":[)", kOurs, "]");
  EXPECT_THAT(Clear(), IsOkAndHolds(true));
  ASSERT_EQ(patches_.size(), 1);
  EXPECT_THAT(patches_[0].body, HasSubstr(R"("taints":[])"));
}

TEST_F(StartupTaintTest, StaysWhileTheDriverIsNotRegistered) {
  for (const char* drivers : {"", "null", "[]", R"([{"name":"other.csi"}])"}) {
    drivers_ = drivers;
    EXPECT_THAT(Clear(), IsOkAndHolds(false)) << drivers;
  }
  EXPECT_TRUE(patches_.empty());
}

TEST_F(StartupTaintTest, NodeWithoutItIsLeftAlone) {
  for (const std::string& taints :
       {std::string(R"("taints":null)"), std::string(R"("unschedulable":true)"),
        absl::StrCat(R"("taints":[)", kOther, "]")}) {
    taints_ = taints;
    EXPECT_THAT(Clear(), IsOkAndHolds(true)) << taints;
  }
  EXPECT_TRUE(patches_.empty());
}

TEST_F(StartupTaintTest, NodeThatIsGoneOrAnotherOneIsNotDone) {
  EXPECT_THAT(taint_.Clear({"worker-1.example", "uid-0"}), IsOkAndHolds(false));
  has_node_ = false;
  EXPECT_THAT(Clear(), IsOkAndHolds(false));
  EXPECT_TRUE(patches_.empty());
}

TEST_F(StartupTaintTest, RegistrationThatAnotherNodeOfTheNameLeftDoesNotCount) {
  owner_ = "uid-0";
  EXPECT_THAT(Clear(), IsOkAndHolds(false));
  EXPECT_TRUE(patches_.empty());
}

TEST_F(StartupTaintTest, NodeWithoutAVersionIsNotChangedBlindly) {
  version_ = "";
  EXPECT_THAT(Clear(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("worker-1.example")));
  EXPECT_TRUE(patches_.empty());
}

TEST_F(StartupTaintTest, NodeThatChangedMeanwhileIsTriedAgain) {
  patch_code_ = 409;
  EXPECT_THAT(Clear(), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed meanwhile")));
  patch_code_ = 404;  // it has gone
  EXPECT_THAT(Clear(), IsOkAndHolds(false));
  // On the same connection the node was asked for in between, not changed.
  ASSERT_EQ(patches_.size(), 2);
  EXPECT_THAT(patches_[1].body, HasSubstr(R"("key":"dedicated")"));
}

TEST_F(StartupTaintTest, ServerThatRefusesIsSaidToRefuse) {
  patch_code_ = 403;
  EXPECT_THAT(Clear(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("worker-1.example")));
  csi_node_code_ = 403;
  patches_.clear();
  EXPECT_THAT(Clear(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("not you")));
  EXPECT_TRUE(patches_.empty());
}

TEST(CheckTaintKeyTest, TakesKeysAndNothingElse) {
  EXPECT_OK(CheckTaintKey("csi.nodevol.io/agent-not-ready"));
  EXPECT_OK(CheckTaintKey("not_ready"));
  for (const char* key : {"", "a/b/c", "a b", "a:NoExecute", "a=b", "/a", "a/", "-a"}) {
    EXPECT_THAT(CheckTaintKey(key),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("agent-not-ready")))
        << key;
  }
}

}  // namespace
}  // namespace nodevol::kubernetes
