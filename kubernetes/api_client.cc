// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/api_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "kubernetes/http_call.h"
#include "kubernetes/json.h"
#include "kubernetes/legible.h"
#include "kubernetes/token.h"

namespace nodevol::kubernetes {
namespace {

using google::protobuf::Struct;

constexpr char kJson[] = "application/json";
constexpr size_t kMaxListBytes = 16 << 20;
constexpr size_t kMaxObjectBytes = 1 << 20;
// More calls at once than anybody here makes.
constexpr size_t kMaxIdle = 32;

absl::StatusCode CodeOf(int http) {
  switch (http) {
    case 400:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 429:
      return absl::StatusCode::kUnavailable;
    default:
      return http >= 500 ? absl::StatusCode::kUnavailable : absl::StatusCode::kInternal;
  }
}

}  // namespace

ApiClient::ApiClient(Options options) : options_(std::move(options)) {}
ApiClient::~ApiClient() = default;

absl::StatusOr<Struct> ApiClient::Get(const std::string& path, const std::string& accept) {
  HttpCall call;
  call.url = absl::StrCat(options_.url, path);
  call.max_answer_bytes = kMaxListBytes;
  return Call(std::move(call), accept, "");
}

absl::StatusOr<Struct> ApiClient::Post(const std::string& path, const Struct& body,
                                       const std::string& secret) {
  return Send("POST", path, kJson, body, secret);
}

absl::StatusOr<Struct> ApiClient::MergePatch(const std::string& path, const Struct& patch) {
  return Send("PATCH", path, "application/merge-patch+json", patch, "");
}

absl::StatusOr<Struct> ApiClient::Send(const std::string& method, const std::string& path,
                                       const std::string& content_type, const Struct& body,
                                       const std::string& secret) {
  HttpCall call;
  call.url = absl::StrCat(options_.url, path);
  call.method = method;
  call.headers = {absl::StrCat("Content-Type: ", content_type)};
  call.max_answer_bytes = kMaxObjectBytes;
  if (!google::protobuf::util::MessageToJsonString(body, &call.body.emplace()).ok()) {
    return absl::InvalidArgumentError("the request is no JSON");
  }
  return Call(std::move(call), kJson, secret);
}

absl::StatusOr<Struct> ApiClient::Call(HttpCall call, const std::string& accept,
                                       const std::string& secret) {
  if (stopped_) return absl::CancelledError("the driver is stopping");
  ASSIGN_OR_RETURN(const std::string token, ReadTokenFile(options_.token_file));
  call.ca_file = options_.ca_file;
  call.timeout = options_.timeout;
  call.headers.insert(call.headers.end(),
                      {absl::StrCat("Authorization: Bearer ", token),
                       absl::StrCat("Accept: ", accept), "User-Agent: nodevol",
                       // Or else libcurl asks beforehand whether a body may come.
                       "Expect:"});
  absl::StatusOr<HttpAnswer> answer = Exchange(call);
  if (!answer.ok()) {
    return Annotate(answer.status(), absl::StrCat("the API server ", options_.url));
  }
  Struct object;
  const bool understood = ParseJson(answer->body, object);
  if (answer->code < 200 || answer->code > 299) {
    // A Status object, unless it is no API server.
    const std::string message = understood ? TextAt(object, {"message"}) : answer->body;
    return absl::Status(CodeOf(answer->code),
                        absl::StrCat("the API server ", options_.url, " answers ", answer->code,
                                     ": ", Legible(message, {token, secret})));
  }
  if (!understood) {
    return absl::UnavailableError(absl::StrCat("what the API server ", options_.url,
                                               " answers is no JSON object; is it one?"));
  }
  return object;
}

absl::StatusOr<HttpAnswer> ApiClient::Exchange(const HttpCall& call) {
  std::unique_ptr<HttpConnection> connection = Take();
  absl::StatusOr<HttpAnswer> answer = connection->Call(call, stopped_);
  // One that has failed is not used again.
  if (answer.ok()) Keep(std::move(connection));
  return answer;
}

std::unique_ptr<HttpConnection> ApiClient::Take() {
  absl::MutexLock lock(&mutex_);
  if (idle_.empty()) return std::make_unique<HttpConnection>();
  std::unique_ptr<HttpConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void ApiClient::Keep(std::unique_ptr<HttpConnection> connection) {
  absl::MutexLock lock(&mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

absl::Status CheckApiUrl(absl::string_view url) {
  absl::string_view host = url;
  const bool https = absl::ConsumePrefix(&host, "https://");
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view(".-:[]").find(c) != absl::string_view::npos;
  });
  if (https && plain && !host.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", url, "\" must be https://HOST or https://HOST:PORT, without a path"));
}

}  // namespace nodevol::kubernetes
