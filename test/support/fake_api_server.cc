// SPDX-License-Identifier: Apache-2.0
#include "test/support/fake_api_server.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

#include "base/random.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;

constexpr char kReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";

void Set(ListValue& list, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) list.add_values()->set_string_value(text);
}

std::string ToJson(const Struct& object) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(object, &json).ok());
  return json;
}

HttpsAnswer Refuse(int code, const std::string& message) {
  Struct status;
  (*status.mutable_fields())["kind"].set_string_value("Status");
  (*status.mutable_fields())["message"].set_string_value(message);
  return {code, ToJson(status)};
}

}  // namespace

FakeApiServer::FakeApiServer(const std::string& name_in_certificate) {
  const link::Validity now = {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
  const absl::StatusOr<link::Certificate> ca = link::MakeCa("test API CA", now);
  EXPECT_OK(ca);
  const absl::StatusOr<link::Certificate> made =
      link::Issue(ca.value(), {"api", {}, {name_in_certificate}}, now);
  EXPECT_OK(made);
  certificate_ = made.value();
  std::ofstream(directory_ / "ca.crt") << ca->cert;
  SetOwnToken("the-controllers-own-token");
  Start();
}

kubernetes::ApiClient::Options FakeApiServer::options() const {
  return {.url = absl::StrCat("https://localhost:", port_),
          .ca_file = directory_ / "ca.crt",
          .token_file = directory_ / "token"};
}

void FakeApiServer::SetOwnToken(const std::string& token) {
  absl::MutexLock lock(&mutex_);
  own_token_ = token;
  // As kubelet does: at once.
  const std::string next = directory_ / "token.new";
  std::ofstream(next) << token << "\n";
  EXPECT_EQ(std::rename(next.c_str(), (directory_ / "token").c_str()), 0);
}

void FakeApiServer::Start() {
  absl::StatusOr<std::unique_ptr<HttpsServer>> server = HttpsServer::Start(
      certificate_, [this](const HttpsRequest& request) { return Answer(request); }, port_);
  EXPECT_OK(server);
  server_ = std::move(server).value();
  port_ = server_->port();
}

std::string FakeApiServer::Issue(const TokenStatus& status, absl::Time end) {
  const std::string claims =
      absl::StrCat("{\"exp\":", absl::ToUnixSeconds(end), ",\"jti\":\"", RandomHex(8), "\"}");
  std::string token =
      absl::StrCat(absl::WebSafeBase64Escape("{\"alg\":\"none\"}"), ".",
                   absl::WebSafeBase64Escape(claims), ".", absl::WebSafeBase64Escape("signed"));
  absl::MutexLock lock(&mutex_);
  issued_[token] = status;
  return token;
}

int FakeApiServer::Reviews(const std::string& token) const {
  absl::MutexLock lock(&mutex_);
  const auto found = reviews_.find(token);
  return found == reviews_.end() ? 0 : found->second;
}

void FakeApiServer::AnswerBy(HttpsServer::Handler handler) {
  absl::MutexLock lock(&mutex_);
  handler_ = std::move(handler);
}

std::vector<HttpsRequest> FakeApiServer::Requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

HttpsAnswer FakeApiServer::Answer(const HttpsRequest& request) {
  HttpsServer::Handler handler;
  {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(request);
    handler = handler_;
    const auto authorization = request.headers.find("authorization");
    if (authorization == request.headers.end() ||
        authorization->second != absl::StrCat("Bearer ", own_token_)) {
      return Refuse(401, "Unauthorized");
    }
    if (handler == nullptr) {
      if (request.method == "POST" && request.target == kReviews) return Review(request);
      return Refuse(404, "the server could not find the requested resource");
    }
  }
  return handler(request);
}

HttpsAnswer FakeApiServer::Review(const HttpsRequest& request) {
  Struct review;
  if (!google::protobuf::util::JsonStringToMessage(request.body, &review).ok()) {
    return Refuse(400, "the body is no JSON object");
  }
  const Struct& spec = review.fields().at("spec").struct_value();
  const std::string token = spec.fields().at("token").string_value();
  EXPECT_EQ(review.fields().at("kind").string_value(), "TokenReview");
  EXPECT_EQ(review.fields().at("apiVersion").string_value(), "authentication.k8s.io/v1");
  EXPECT_EQ(spec.fields().at("audiences").list_value().values_size(), 1);
  ++reviews_[token];
  return {201, AnswerFor(token)};
}

std::string FakeApiServer::AnswerFor(const std::string& token) const {
  Struct review;
  auto& status = *(*review.mutable_fields())["status"].mutable_struct_value()->mutable_fields();
  const auto found = issued_.find(token);
  const bool accepted = found != issued_.end() && found->second.authenticated;
  status["authenticated"].set_bool_value(accepted);
  if (!accepted) {
    status["error"].set_string_value(found == issued_.end() ? "invalid bearer token"
                                                            : found->second.error);
    return ToJson(review);
  }
  Set(*status["audiences"].mutable_list_value(), found->second.audiences);
  auto& user = *status["user"].mutable_struct_value()->mutable_fields();
  user["username"].set_string_value(found->second.username);
  auto& extra = *user["extra"].mutable_struct_value()->mutable_fields();
  Set(*extra["authentication.kubernetes.io/node-name"].mutable_list_value(),
      found->second.node_names);
  Set(*extra["authentication.kubernetes.io/node-uid"].mutable_list_value(),
      found->second.node_uids);
  return ToJson(review);
}

}  // namespace nodevol::testing
