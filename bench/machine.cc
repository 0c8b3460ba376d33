// SPDX-License-Identifier: Apache-2.0
#include "bench/machine.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

#include "host/file.h"
#include "host/filesystem.h"

namespace nodevol::bench {
namespace {

constexpr char kUnknown[] = "unknown";

// The rest of the first line that begins with `name` and, after spaces, `separator`.
std::string ValueIn(const std::string& path, absl::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, name)) continue;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (absl::ConsumePrefix(&rest, ":")) return std::string(absl::StripAsciiWhitespace(rest));
  }
  return kUnknown;
}

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string Memory() {
  std::string total = ValueIn("/proc/meminfo", "MemTotal");
  absl::string_view digits = total;
  int64_t kibibytes = 0;
  if (!absl::ConsumeSuffix(&digits, " kB") || !absl::SimpleAtoi(digits, &kibibytes)) return total;
  return absl::StrFormat("%.1f GiB", static_cast<double>(kibibytes) / (1024.0 * 1024.0));
}

std::string Kernel() {
  utsname names = {};
  if (::uname(&names) != 0) return kUnknown;
  return absl::StrCat(names.sysname, " ", names.release, " ", names.machine);
}

// The block device beneath the directory, as sysfs describes it.
std::string Disk(const std::string& directory) {
  struct stat info = {};
  if (::stat(directory.c_str(), &info) != 0) return kUnknown;
  std::error_code ignored;
  std::filesystem::path device = std::filesystem::canonical(
      absl::StrCat("/sys/dev/block/", major(info.st_dev), ":", minor(info.st_dev)), ignored);
  if (device.empty()) return absl::StrCat("none that sysfs knows beneath ", directory);
  const std::string name = device.filename();
  if (!std::filesystem::exists(device / "queue", ignored)) device = device.parent_path();
  const std::string driver =
      std::filesystem::canonical(device / "device" / "driver", ignored).filename();
  const bool spins = FirstLine(device / "queue" / "rotational") == "1";
  const std::string cache = FirstLine(device / "queue" / "write_cache");
  return absl::StrCat(name, ", ", driver.empty() ? kUnknown : driver, ", ",
                      spins ? "rotational" : "not rotational", ", ", cache);
}

std::string FilesystemBeneath(const std::string& directory) {
  const auto fd = host::OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return kUnknown;
  const auto type = host::IdentifyFilesystem(fd->get());
  return type.ok() ? std::string(host::FilesystemName(*type)) : kUnknown;
}

// As dpkg has it: what mkfs was part of.
std::string PackageVersion(absl::string_view package) {
  std::ifstream status("/var/lib/dpkg/status");
  bool found = false;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "Package: ")) found = rest == package;
    if (found && absl::ConsumePrefix(&rest, "Version: ")) return std::string(rest);
  }
  return kUnknown;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeMachine(
    const std::string& disk_directory) {
  std::string tools;
  for (const char* package : {"btrfs-progs", "xfsprogs", "e2fsprogs"}) {
    absl::StrAppend(&tools, tools.empty() ? "" : ", ", package, " ", PackageVersion(package));
  }
  return {{"processor", absl::StrCat(ValueIn("/proc/cpuinfo", "model name"), ", ",
                                     std::thread::hardware_concurrency(), " cores")},
          {"memory", Memory()},
          {"kernel", absl::StrCat(Kernel(), "; btrfs, XFS and ext4 are its own")},
          {"disk", absl::StrCat(Disk(disk_directory), "; the pools are sparse files on its ",
                                FilesystemBeneath(disk_directory),
                                ", each behind a loop device with direct I/O")},
          {"mkfs", tools}};
}

}  // namespace nodevol::bench
