// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/member.h"

#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "test/cluster/insist.h"

namespace nodevol::testing {
namespace {

constexpr size_t kTailBytes = 6000;

}  // namespace

Member::Member(std::string name, Namespaces inside, DriverProcess::Options options)
    : name_(std::move(name)), inside_(std::move(inside)), options_(std::move(options)) {}

absl::Status Member::Start() {
  if (running()) return absl::OkStatus();
  RETURN_IF_ERROR(inside_.Run([this]() -> absl::Status {
    ASSIGN_OR_RETURN(DriverProcess process, DriverProcess::Spawn(options_));
    process_.emplace(std::move(process));
    return absl::OkStatus();
  }));
  const absl::Status serving = process_->AwaitServing(kPatience);
  if (!serving.ok()) process_.reset();
  return Annotate(serving, name_);
}

absl::Status Member::CheckAlive() const {
  if (!running()) return absl::OkStatus();
  siginfo_t ended = {};
  // Only a look: whoever kills it waits for it.
  if (::waitid(P_PID, static_cast<id_t>(process_->pid()), &ended, WEXITED | WNOHANG | WNOWAIT) ==
          0 &&
      ended.si_pid == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(name_, " has ended by itself:\n", LogTail()));
}

absl::Status Member::Kill() {
  const absl::Status alive = CheckAlive();
  process_.reset();
  return alive;
}

absl::Status Member::Stop() {
  if (!running()) return absl::OkStatus();
  const absl::Status stopped = process_->Stop();
  process_.reset();
  return Annotate(stopped, name_);
}

std::string Member::LogTail() const {
  std::ifstream file(options_.log_path);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  return text.size() > kTailBytes ? text.substr(text.size() - kTailBytes) : text;
}

}  // namespace nodevol::testing
