// SPDX-License-Identifier: Apache-2.0
#include "test/weakness/weakness_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "test/client/grpc_environment.h"
#include "test/support/strace.h"

namespace nodevol::testing {
namespace {

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

}  // namespace

absl::StatusOr<std::string> Weakness::SnapshotAtRest(const Pod& pod, const std::string& name) {
  RETURN_IF_ERROR(pod.Stop(client()));
  ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot, client().Snapshot(name, pod.volume_id()));
  return snapshot.snapshot_id();
}

bool Weakness::KillDuring(const std::string& system_call, int n,
                          const std::function<absl::Status()>& operation) {
  SCOPED_TRACE(absl::StrCat("killed at ", system_call, " number ", n));
  absl::StatusOr<Strace> strace = Strace::Attach(
      node().driver().pid(), {.trace = system_call,
                              .inject = absl::StrCat(system_call, ":signal=KILL:when=", n),
                              .output = node().directory() + "/trace",
                              .threads = "p-"});
  EXPECT_OK(strace);
  if (!strace.ok()) return false;
  const absl::Status operated = operation();
  const std::string trace = strace->Finish(absl::IsUnavailable(operated));
  if (!WasInjected(trace)) {
    EXPECT_OK(operated);
    return false;
  }
  node().driver().Wait();
  EXPECT_OK(node().Start());
  return true;
}

void Weakness::FillDisk(int64_t leave) {
  const std::string path = node().disk().path() + "/foreign";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.valid());
  ASSERT_OK(host::SyncFilesystem(file.get()));
  ASSERT_OK_AND_ASSIGN(const host::FilesystemUsage usage, host::UsageOf(file.get()));
  // What is reserved to the last byte is refused as a whole: those are written.
  const int64_t written_last = leave == 0 ? 32 * kMiB : 0;
  ASSERT_OK(host::Allocate(file.get(), usage.available_bytes - leave - written_last,
                           /*keep_size=*/false));
  ASSERT_GE(::lseek(file.get(), 0, SEEK_END), 0);
  const std::string chunk(size_t{64} * 1024, 'x');
  while (leave == 0 && ::write(file.get(), chunk.data(), chunk.size()) > 0) {
  }
  host::SyncFilesystem(file.get()).IgnoreError();
  EXPECT_LE(host::UsageOf(file.get())->available_bytes, leave + 4 * kMiB);
}

std::vector<std::string> Weakness::NamesIn(const std::string& directory) {
  const absl::StatusOr<UniqueFd> fd = host::OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return {};
  std::vector<std::string> names =
      host::ListDirectory(fd->get()).value_or(std::vector<std::string>());
  std::sort(names.begin(), names.end());
  return names;
}

bool Weakness::IsMounted(const std::string& path) {
  const absl::StatusOr<host::FileInfo> info = host::InspectPath(path);
  return info.ok() && info->mount_root;
}

absl::StatusOr<int64_t> Weakness::DeviceSize(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(path, O_RDONLY));
  return host::BlockDeviceSize(device.get());
}

bool Weakness::CanWrite(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const char byte = 'x';
  return file.valid() && ::pwrite(file.get(), &byte, 1, 0) == 1 && ::fsync(file.get()) == 0;
}

}  // namespace nodevol::testing
