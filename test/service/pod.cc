// SPDX-License-Identifier: Apache-2.0
#include "test/service/pod.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::testing {

Pod::Pod(std::string volume_id, const std::string& directory, const std::string& name)
    : volume_id_(std::move(volume_id)),
      staging_(absl::StrCat(directory, "/", name, "-staging")),
      target_(absl::StrCat(directory, "/", name, "-target")) {}

absl::Status Pod::Start(VolumeClient& client) const {
  if (::mkdir(staging_.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("mkdir ", staging_));
  }
  RETURN_IF_ERROR(client.Stage(volume_id_, staging_));
  return client.Publish(volume_id_, staging_, target_);
}

absl::Status Pod::Stop(VolumeClient& client) const {
  RETURN_IF_ERROR(client.Unpublish(volume_id_, target_));
  return client.Unstage(volume_id_, staging_);
}

std::string Pod::File(const std::string& name) const {
  struct stat status = {};
  const bool directory = ::stat(target_.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return directory ? absl::StrCat(target_, "/", name) : target_;
}

absl::Status Pod::Write(const std::string& file, const std::string& content) const {
  const UniqueFd fd(::open(File(file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", file));
  if (::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return ErrnoStatus(errno, absl::StrCat("write ", file));
  }
  return host::Sync(fd.get());
}

absl::StatusOr<std::string> Pod::Read(const std::string& file, size_t bytes) const {
  ASSIGN_OR_RETURN(const UniqueFd fd, host::OpenPath(File(file), O_RDONLY));
  std::string content(bytes, '\0');
  const ssize_t got = ::read(fd.get(), content.data(), content.size());
  if (got < 0) return ErrnoStatus(errno, absl::StrCat("read ", file));
  content.resize(static_cast<size_t>(got));
  return content;
}

int64_t Pod::Fill(const std::string& file, int& error) const {
  const UniqueFd fd(::open(File(file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string chunk(static_cast<size_t>(kMiB), 'x');
  int64_t taken = 0;
  ssize_t put = 0;
  while ((put = ::write(fd.get(), chunk.data(), chunk.size())) > 0) taken += put;
  error = errno;
  // A device has no filesystem to sync.
  if (!host::SyncFilesystem(fd.get()).ok()) ::fsync(fd.get());
  return taken;
}

}  // namespace nodevol::testing
