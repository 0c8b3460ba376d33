// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/api_client.h"

#include <stdlib.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "kubernetes/in_cluster.h"
#include "kubernetes/json.h"
#include "test/support/fake_api_server.h"
#include "test/support/matchers.h"

namespace nodevol::kubernetes {
namespace {

using google::protobuf::Struct;
using nodevol::testing::FakeApiServer;
using nodevol::testing::HttpsAnswer;
using nodevol::testing::HttpsRequest;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// A variable of the environment, for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Environment() { ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* const name_;
};

class ApiClientTest : public ::testing::Test {
 protected:
  void AnswerAlways(HttpsAnswer answer) {
    server_.AnswerBy([answer = std::move(answer)](const HttpsRequest&) { return answer; });
  }
  // Of a client that waits for as long as a slow machine may take.
  ApiClient::Options Patient() const {
    ApiClient::Options options = server_.options();
    options.timeout = absl::Minutes(10);
    return options;
  }

  FakeApiServer server_;
  ApiClient client_{server_.options()};
};

TEST_F(ApiClientTest, GetsAnObjectAsWhoItIs) {
  AnswerAlways({.body = R"({"kind":"Thing","list":["a",1,null,"b"],"more":{"deep":"x"}})"});
  ASSERT_OK_AND_ASSIGN(const Struct object, client_.Get("/api/v1/things?limit=1", "application/x"));
  EXPECT_EQ(TextAt(object, {"kind"}), "Thing");
  EXPECT_EQ(TextAt(object, {"more", "deep"}), "x");
  EXPECT_EQ(TextAt(object, {"kind", "deep"}), "");
  EXPECT_THAT(TextsAt(object, {"list"}), ::testing::ElementsAre("a", "b"));
  const std::vector<HttpsRequest> requests = server_.Requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target, "/api/v1/things?limit=1");
  EXPECT_EQ(requests[0].headers.at("accept"), "application/x");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer the-controllers-own-token");
}

TEST_F(ApiClientTest, PostsAnObject) {
  AnswerAlways({.code = 201, .body = "{}"});
  Struct body;
  (*body.mutable_fields())["name"].set_string_value("\"quoted\"\n");
  ASSERT_OK(client_.Post("/things", body, ""));
  const std::vector<HttpsRequest> requests = server_.Requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  Struct arrived;
  ASSERT_TRUE(ParseJson(requests[0].body, arrived));
  EXPECT_EQ(TextAt(arrived, {"name"}), "\"quoted\"\n");
}

TEST_F(ApiClientTest, TokenIsReadAgainForEachCall) {
  AnswerAlways({.body = "{}"});
  EXPECT_OK(client_.Get("/"));
  server_.SetOwnToken("another-one");
  EXPECT_OK(client_.Get("/"));
}

TEST_F(ApiClientTest, ConnectionIsKept) {
  AnswerAlways({.body = "{}"});
  for (int i = 0; i < 5; ++i) EXPECT_OK(client_.Get("/"));
  EXPECT_EQ(server_.connections(), 1U);
  // One that the server has closed meanwhile is made anew.
  server_.Stop();
  server_.Start();
  EXPECT_OK(client_.Get("/"));
}

TEST_F(ApiClientTest, CallsDoNotWaitForEachOther) {
  absl::Notification both;
  std::atomic<int> asked = 0;
  server_.AnswerBy([&](const HttpsRequest&) -> HttpsAnswer {
    if (++asked == 2) both.Notify();
    if (!both.WaitForNotificationWithTimeout(absl::Seconds(30))) return {.code = 500};
    return {.body = "{}"};
  });
  ApiClient client(Patient());
  std::thread other([&client] { EXPECT_OK(client.Get("/")); });
  EXPECT_OK(client.Get("/"));
  other.join();
}

TEST_F(ApiClientTest, CodesOfHttpAndTheServersWords) {
  const std::pair<int, absl::StatusCode> all[] = {
      {400, absl::StatusCode::kInvalidArgument},  {401, absl::StatusCode::kUnauthenticated},
      {403, absl::StatusCode::kPermissionDenied}, {404, absl::StatusCode::kNotFound},
      {409, absl::StatusCode::kAborted},          {410, absl::StatusCode::kOutOfRange},
      {422, absl::StatusCode::kInvalidArgument},  {429, absl::StatusCode::kUnavailable},
      {500, absl::StatusCode::kUnavailable},      {503, absl::StatusCode::kUnavailable},
      {418, absl::StatusCode::kInternal}};
  for (const auto& [http, code] : all) {
    AnswerAlways({.code = http, .body = R"({"kind":"Status","message":"because of this"})"});
    EXPECT_THAT(client_.Get("/").status(), AllOf(StatusIs(code, HasSubstr("because of this")),
                                                 StatusIs(code, HasSubstr(absl::StrCat(http)))));
  }
}

TEST_F(ApiClientTest, TokensAreInNoError) {
  AnswerAlways(
      {.code = 400, .body = R"({"message":"what are the-controllers-own-token and s3cret?"})"});
  EXPECT_THAT(client_.Post("/", {}, "s3cret").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("what are"), Not(HasSubstr("own-token")),
                             Not(HasSubstr("s3cret")))));
}

TEST_F(ApiClientTest, RedirectIsNotFollowed) {
  AnswerAlways(
      {.code = 302, .header = absl::StrCat("Location: ", server_.options().url, "/there")});
  EXPECT_THAT(client_.Get("/").status(), StatusIs(absl::StatusCode::kInternal, HasSubstr("302")));
  EXPECT_THAT(server_.Requests(), SizeIs(1));
}

TEST_F(ApiClientTest, ProxyOfTheEnvironmentDoesNotCount) {
  AnswerAlways({.body = "{}"});
  const Environment upper("HTTPS_PROXY", "http://127.0.0.1:1");
  const Environment lower("https_proxy", "http://127.0.0.1:1");
  const Environment all("ALL_PROXY", "http://127.0.0.1:1");
  EXPECT_OK(client_.Get("/"));
}

TEST_F(ApiClientTest, ServerThatIsAwayIsUnavailable) {
  server_.Stop();
  EXPECT_THAT(client_.Get("/").status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(server_.options().url)));
}

TEST_F(ApiClientTest, ServerOfAnotherCaIsNotTalkedTo) {
  const FakeApiServer other;
  ApiClient::Options options = server_.options();
  options.ca_file = other.options().ca_file;
  ApiClient client(options);
  EXPECT_THAT(client.Get("/").status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("certificate")));
  EXPECT_THAT(server_.Requests(), SizeIs(0));
}

TEST_F(ApiClientTest, ServerOfAnotherNameIsNotTalkedTo) {
  const FakeApiServer other("elsewhere");
  ApiClient client(other.options());
  EXPECT_THAT(
      client.Get("/").status(),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("alternative certificate subject name")));
  EXPECT_THAT(other.Requests(), SizeIs(0));
}

TEST_F(ApiClientTest, AnswerThatIsTooLargeIsRefused) {
  AnswerAlways({.body = absl::StrCat("{\"a\":\"", std::string(2 << 20, 'x'), "\"}")});
  EXPECT_OK(client_.Get("/"));
  EXPECT_THAT(client_.Post("/", {}, "").status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("more than 1 MiB")));
  AnswerAlways({.body = absl::StrCat("{\"a\":\"", std::string(17 << 20, 'x'), "\"}")});
  EXPECT_THAT(client_.Get("/").status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("more than 16 MiB")));
}

TEST_F(ApiClientTest, GarbageIsRefused) {
  for (const std::string& garbage :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("<html>"), std::string("{}x"), std::string("\0\xff", 2),
        // Deeper than anything that is meant.
        absl::StrCat("{\"a\":", std::string(1000, '['), std::string(1000, ']'), "}")}) {
    AnswerAlways({.body = garbage});
    EXPECT_THAT(client_.Get("/").status(), StatusIs(absl::StatusCode::kUnavailable))
        << garbage.substr(0, 20);
  }
}

TEST_F(ApiClientTest, WithoutATokenNothingIsAsked) {
  ASSERT_EQ(std::remove(server_.options().token_file.c_str()), 0);
  EXPECT_THAT(client_.Get("/").status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                  HasSubstr(server_.options().token_file)));
  EXPECT_THAT(server_.Requests(), SizeIs(0));
}

TEST_F(ApiClientTest, StopEndsCallsThatAreUnderWay) {
  absl::Notification asked;
  absl::Notification stopped;
  server_.AnswerBy([&](const HttpsRequest&) -> HttpsAnswer {
    asked.Notify();
    stopped.WaitForNotification();
    return {.body = "{}"};
  });
  ApiClient client(Patient());
  std::thread caller(
      [&client] { EXPECT_THAT(client.Get("/").status(), StatusIs(absl::StatusCode::kCancelled)); });
  asked.WaitForNotification();
  client.Stop();
  caller.join();
  EXPECT_THAT(client.Get("/").status(), StatusIs(absl::StatusCode::kCancelled));
  stopped.Notify();
  server_.Stop();  // its thread has looked at what is here
}

TEST(ApiUrlTest, IsHttpsAHostAndAPort) {
  for (const char* good : {"https://10.0.0.1", "https://10.0.0.1:6443", "https://[fd00::1]:443",
                           "https://api.cluster.example:6443"}) {
    EXPECT_OK(CheckApiUrl(good)) << good;
  }
  for (const char* bad : {"", "https://", "http://10.0.0.1", "10.0.0.1:6443", "https://a/b",
                          "https://user@a", "https://a b", "https://a?x", "file:///etc/passwd"}) {
    EXPECT_THAT(CheckApiUrl(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ApiUrlTest, IsTheEnvironmentsInPods) {
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
  EXPECT_THAT(ApiUrlInPod().status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                               HasSubstr("KUBERNETES_SERVICE_HOST")));
  const Environment port("KUBERNETES_SERVICE_PORT", "443");
  {
    const Environment host("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    EXPECT_THAT(ApiUrlInPod(), IsOkAndHolds("https://10.96.0.1:443"));
  }
  const Environment host("KUBERNETES_SERVICE_HOST", "fd00::1");
  EXPECT_THAT(ApiUrlInPod(), IsOkAndHolds("https://[fd00::1]:443"));
}

}  // namespace
}  // namespace nodevol::kubernetes
