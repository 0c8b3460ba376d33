// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/http_call.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "base/bytes.h"
#include "base/status_macros.h"

namespace nodevol::kubernetes {
namespace {

// A connection is used no longer: another CA, or another API server, is to count one day.
constexpr long kConnectionSeconds = 300;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

Headers HeadersOf(const std::vector<std::string>& lines) {
  Headers headers;
  for (const std::string& line : lines) {
    curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) return nullptr;
    if (headers == nullptr) headers.reset(longer);  // later it is the same
  }
  return headers;
}

struct Received {
  std::string body;
  size_t limit = 0;
  bool too_large = false;
};

// libcurl's: another number than `size` ends the call.
size_t Receive(char* data, size_t /*always one*/, size_t size, void* target) {
  auto& received = *static_cast<Received*>(target);
  if (size > received.limit - received.body.size()) {
    received.too_large = true;
    return 0;
  }
  try {
    received.body.append(data, size);
  } catch (...) {  // no exception may pass through libcurl
    return 0;
  }
  return size;
}

// libcurl's, which asks this again and again: what is not 0 ends the call.
int IsStopped(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stopped)->load() ? 1 : 0;
}

// Sets options until one is not taken: none may be missing unnoticed.
class Setup {
 public:
  explicit Setup(CURL* handle) : handle_(handle) {}

  template <typename Value>
  void Set(CURLoption option, Value value) {
    if (error_ == CURLE_OK) error_ = curl_easy_setopt(handle_, option, value);
  }
  [[nodiscard]] CURLcode error() const { return error_; }

 private:
  CURL* const handle_;
  CURLcode error_ = CURLE_OK;
};

void SetSecurity(Setup& setup, const HttpCall& call) {
  setup.Set(CURLOPT_PROTOCOLS_STR, "https");
  setup.Set(CURLOPT_FOLLOWLOCATION, 0L);
  setup.Set(CURLOPT_PROXY, "");
  setup.Set(CURLOPT_NOPROXY, "*");
  setup.Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  setup.Set(CURLOPT_SSL_VERIFYPEER, 1L);
  setup.Set(CURLOPT_SSL_VERIFYHOST, 2L);
  setup.Set(CURLOPT_CAINFO, call.ca_file.c_str());
  // By default those of the system count besides.
  setup.Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  // A CA that has been exchanged counts for the next connection.
  setup.Set(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  setup.Set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  setup.Set(CURLOPT_MAXLIFETIME_CONN, kConnectionSeconds);
}

void SetRequest(Setup& setup, const HttpCall& call, curl_slist* headers) {
  setup.Set(CURLOPT_URL, call.url.c_str());
  setup.Set(CURLOPT_HTTPHEADER, headers);
  setup.Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  setup.Set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(call.timeout)));
  setup.Set(CURLOPT_NOSIGNAL, 1L);
  setup.Set(CURLOPT_MAXCONNECTS, 1L);
  if (!call.body.has_value()) return;
  setup.Set(CURLOPT_POST, 1L);
  setup.Set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
  setup.Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body->size()));
  setup.Set(CURLOPT_POSTFIELDS, call.body->data());  // not copied
}

absl::Status Failure(CURLcode error, absl::string_view reason, const Received& received) {
  if (error == CURLE_ABORTED_BY_CALLBACK) return absl::CancelledError("the driver is stopping");
  if (received.too_large) {
    return absl::UnavailableError(absl::StrCat("the answer has more than ",
                                               HumanBytes(static_cast<int64_t>(received.limit))));
  }
  return absl::UnavailableError(reason.empty() ? curl_easy_strerror(error) : reason);
}

}  // namespace

absl::Status HttpConnection::Prepare() {
  // Once, and never undone: threads make calls until the process is gone.
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised == CURLE_OK && handle_ == nullptr) handle_.reset(curl_easy_init());
  if (handle_ != nullptr) return absl::OkStatus();
  return absl::UnavailableError("libcurl can't be used: no memory");
}

absl::StatusOr<HttpAnswer> HttpConnection::Call(const HttpCall& call, std::atomic<bool>& stopped) {
  RETURN_IF_ERROR(Prepare());
  const Headers headers = HeadersOf(call.headers);
  Received received;
  received.limit = call.max_answer_bytes;
  reason_.front() = '\0';
  Setup setup(handle_.get());
  SetSecurity(setup, call);
  SetRequest(setup, call, headers.get());
  setup.Set(CURLOPT_ERRORBUFFER, reason_.data());
  setup.Set(CURLOPT_WRITEFUNCTION, &Receive);
  setup.Set(CURLOPT_WRITEDATA, static_cast<void*>(&received));
  setup.Set(CURLOPT_NOPROGRESS, 0L);
  setup.Set(CURLOPT_XFERINFOFUNCTION, &IsStopped);
  setup.Set(CURLOPT_XFERINFODATA, static_cast<void*>(&stopped));
  const bool ready = setup.error() == CURLE_OK && headers != nullptr;
  const CURLcode error = ready ? curl_easy_perform(handle_.get()) : setup.error();
  long code = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
  // The connection stays; nothing that belongs to this call does.
  curl_easy_reset(handle_.get());
  if (headers == nullptr) return absl::UnavailableError("libcurl can't be used: no memory");
  if (error != CURLE_OK) return Failure(error, reason_.data(), received);
  return HttpAnswer{static_cast<int>(code), std::move(received.body)};
}

}  // namespace nodevol::kubernetes
