// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/node_list.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "test/support/fake_api_server.h"
#include "test/support/matchers.h"

namespace nodevol::kubernetes {
namespace {

using nodevol::testing::FakeApiServer;
using nodevol::testing::HttpsAnswer;
using nodevol::testing::HttpsRequest;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// An object as the API server writes it: with much besides.
std::string Node(const std::string& name) {
  return absl::StrCat(
      R"({"metadata":{"name":")", name, R"(","uid":"uid-of-)", name,
      R"(","labels":{"a/b":"c"},"managedFields":[{"fieldsV1":{"f:metadata":{"f:labels":{}}}}]}})");
}

std::string Page(const std::vector<std::string>& nodes, const std::string& next = "") {
  std::vector<std::string> items;
  for (const std::string& name : nodes) items.push_back(Node(name));
  return absl::StrCat(R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",)",
                      R"("metadata":{"resourceVersion":"7","continue":")", next, R"("},"items":[)",
                      absl::StrJoin(items, ","), "]}");
}

class NodeListTest : public ::testing::Test {
 protected:
  void AnswerAlways(const std::string& body) {
    server_.AnswerBy([body](const HttpsRequest&) -> HttpsAnswer { return {200, body}; });
  }

  FakeApiServer server_;
  ApiClient client_{server_.options()};
  ApiNodeObjects nodes_{client_, 2};
};

TEST_F(NodeListTest, AllPagesAreRead) {
  server_.AnswerBy([](const HttpsRequest& request) -> HttpsAnswer {
    EXPECT_THAT(request.headers.at("accept"),
                StartsWith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"));
    if (request.target == "/api/v1/nodes?limit=2") return {200, Page({"a", "b"}, "to+c/==")};
    if (request.target == "/api/v1/nodes?limit=2&continue=to%2Bc%2F%3D%3D") {
      return {200, Page({"c", "d"}, "e")};
    }
    if (request.target == "/api/v1/nodes?limit=2&continue=e") return {200, Page({"e"})};
    return {404, "{}"};
  });
  ASSERT_OK_AND_ASSIGN(const std::vector<NodeObject> nodes, nodes_.List());
  ASSERT_THAT(nodes, SizeIs(5));
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    EXPECT_EQ(nodes[i].name, name);
    EXPECT_EQ(nodes[i].uid, "uid-of-" + name);
  }
}

TEST_F(NodeListTest, WholeObjectsAreAsGood) {
  AnswerAlways(absl::StrCat(R"({"kind":"NodeList","items":[)", Node("a"), "]}"));
  ASSERT_OK_AND_ASSIGN(const std::vector<NodeObject> nodes, nodes_.List());
  ASSERT_THAT(nodes, SizeIs(1));
  EXPECT_EQ(nodes[0].name, "a");
}

TEST_F(NodeListTest, PagesThatHaveGoneOldAreReadAnew) {
  bool once = false;
  server_.AnswerBy([&once](const HttpsRequest& request) -> HttpsAnswer {
    if (request.target == "/api/v1/nodes?limit=2") return {200, Page({"a", "b"}, "c")};
    if (once) return {200, Page({"c"})};
    once = true;
    return {410, R"({"message":"the provided continue parameter is too old"})"};
  });
  ASSERT_OK_AND_ASSIGN(const std::vector<NodeObject> nodes, nodes_.List());
  EXPECT_THAT(nodes, SizeIs(3));
}

TEST_F(NodeListTest, PagesThatAlwaysGoOldAreUnavailable) {
  server_.AnswerBy([](const HttpsRequest& request) -> HttpsAnswer {
    if (request.target == "/api/v1/nodes?limit=2") return {200, Page({"a", "b"}, "c")};
    return {410, "{}"};
  });
  EXPECT_THAT(nodes_.List().status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(NodeListTest, PartOfAListIsNone) {
  server_.AnswerBy([](const HttpsRequest& request) -> HttpsAnswer {
    if (request.target == "/api/v1/nodes?limit=2") return {200, Page({"a", "b"}, "c")};
    return {503, "{}"};
  });
  EXPECT_THAT(nodes_.List().status(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(NodeListTest, ListWithoutAnEndIsRefused) {
  AnswerAlways(Page({"a"}, "on"));
  EXPECT_THAT(nodes_.List().status(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("pages")));
}

TEST_F(NodeListTest, WhatCouldBeAPartOfAListIsRefused) {
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"kind":"PartialObjectMetadataList"})"),
        std::string(R"({"kind":"PartialObjectMetadataList","items":null})"),
        std::string(R"({"kind":"PodList","items":[]})"), Page({}), Page({""}),
        std::string(R"({"kind":"NodeList","items":[{"metadata":{"name":"a"}}]})"),
        std::string(R"({"kind":"NodeList","items":[null]})")}) {
    AnswerAlways(body);
    EXPECT_THAT(nodes_.List().status(), StatusIs(absl::StatusCode::kUnavailable)) << body;
  }
}

TEST_F(NodeListTest, WhoMayNotListIsTold) {
  server_.AnswerBy([](const HttpsRequest&) -> HttpsAnswer {
    return {403, R"({"message":"nodes is forbidden"})"};
  });
  EXPECT_THAT(nodes_.List().status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("nodes is forbidden")));
}

TEST_F(NodeListTest, ServerThatIsAwayIsUnavailable) {
  server_.Stop();
  EXPECT_THAT(nodes_.List().status(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace nodevol::kubernetes
