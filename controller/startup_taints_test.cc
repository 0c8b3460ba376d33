// SPDX-License-Identifier: Apache-2.0
#include "controller/startup_taints.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"

namespace nodevol::controller {
namespace {

using kubernetes::NodeObject;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FakeNodes final : public kubernetes::NodeObjects {
 public:
  absl::StatusOr<std::vector<NodeObject>> List() override { return answer; }

  // Each of a UID that follows from its name.
  void Set(const std::vector<std::string>& names, const std::string& generation = "1") {
    answer = std::vector<NodeObject>();
    for (const std::string& name : names) {
      answer->push_back({name, absl::StrCat(name, "-", generation)});
    }
  }

  absl::StatusOr<std::vector<NodeObject>> answer;
};

class FakeTaint final : public kubernetes::StartupTaint {
 public:
  absl::StatusOr<bool> Clear(const NodeObject& node) override {
    asked.push_back(node.name);
    const auto answer = answers.find(node.name);
    return answer == answers.end() ? absl::StatusOr<bool>(true) : answer->second;
  }

  std::vector<std::string> Asked() { return std::exchange(asked, {}); }

  std::vector<std::string> asked;
  std::map<std::string, absl::StatusOr<bool>> answers;
};

class StartupTaintsTest : public ::testing::Test {
 protected:
  FakeNodes nodes_;
  FakeTaint taint_;
  StartupTaints taints_{nodes_, taint_};
};

TEST_F(StartupTaintsTest, EachNodeObjectIsLookedAtOnce) {
  nodes_.Set({"a", "b"});
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b"));
  nodes_.Set({"a", "b", "c"});
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), ElementsAre("c"));
}

TEST_F(StartupTaintsTest, NodeThatWasMadeAnewIsAnotherOne) {
  nodes_.Set({"a", "b"});
  EXPECT_OK(taints_.Tend());
  taint_.Asked();
  nodes_.Set({"a", "b"}, "2");
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b"));
}

TEST_F(StartupTaintsTest, NodeThatIsNotRegisteredYetComesAgain) {
  nodes_.Set({"a", "b", "c"});
  taint_.answers = {{"a", false}, {"b", absl::AbortedError("changed")}};
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b", "c"));
  taint_.answers.clear();
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b"));
  EXPECT_OK(taints_.Tend());
  EXPECT_THAT(taint_.Asked(), IsEmpty());
}

TEST_F(StartupTaintsTest, ServerThatDoesNotAnswerIsAskedOnceACall) {
  nodes_.answer = absl::UnavailableError("gone");
  EXPECT_THAT(taints_.Tend(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(taint_.Asked(), IsEmpty());
  nodes_.Set({"a", "b", "c"});
  taint_.answers = {{"b", absl::UnavailableError("gone")}};
  EXPECT_THAT(taints_.Tend(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b"));
}

TEST_F(StartupTaintsTest, NodeThatAlwaysFailsIsInTheWayOfNoOther) {
  nodes_.Set({"c", "a", "b"});
  taint_.answers = {{"b", absl::PermissionDeniedError("a webhook says no")}};
  EXPECT_THAT(taints_.Tend(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(taint_.Asked(), ElementsAre("a", "b"));
  EXPECT_THAT(taints_.Tend(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(taint_.Asked(), ElementsAre("c", "b"));
}

}  // namespace
}  // namespace nodevol::controller
