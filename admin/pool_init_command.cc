// SPDX-License-Identifier: Apache-2.0
//
// nodevol pool init: on the pool's files, without the driver.
#include <cerrno>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/text.h"
#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "proto/admin.pb.h"
#include "storage/directory_limit.h"
#include "storage/ids.h"
#include "storage/pool.h"
#include "storage/pool_init.h"

namespace nodevol::admin {
namespace {

// The name that the pool gets in the hint for --pool: it is not on the disk.
absl::StatusOr<std::string> NameFor(const Arguments& arguments, const std::string& path) {
  if (!arguments.Has("name")) {
    const std::string last = path.substr(path.rfind('/') + 1);
    return storage::IsPoolName(last) ? last : "pool";
  }
  std::string name = arguments.Get("name");
  if (storage::IsPoolName(name)) return name;
  return absl::InvalidArgumentError(
      absl::StrCat("--name: \"", name,
                   "\" is no pool name; use 1 to 32 lower-case letters, digits "
                   "and dashes"));
}

v1::Pool Describe(storage::Pool& pool, const nodevol::v1::PoolMarker& marker) {
  v1::Pool message;
  message.set_name(pool.name());
  message.set_path(pool.path());
  message.set_state("ready");
  message.set_uuid(pool.uuid());
  message.set_filesystem(marker.filesystem_type());
  message.set_reflink(pool.reflink());
  message.set_directory_limit(storage::NameOf(pool.directory_limit().kind));
  message.set_directory_limit_reason(pool.directory_limit().why_none);
  message.set_capacity_bytes(pool.ledger().Total());
  message.set_available_bytes(pool.ledger().Available());
  message.set_free_bytes(pool.ledger().Free());
  message.set_reserve_missing_bytes(pool.reserve().Missing());
  return message;
}

std::string Describe(const v1::Pool& pool) {
  return absl::StrCat(
      Printable(pool.path()), " is a pool now.\n\n  UUID         ", pool.uuid(),
      "\n  filesystem   ", pool.filesystem(), "\n  capacity     ",
      HumanBytes(pool.capacity_bytes()), "\n  images       yes\n  snapshots    ",
      pool.filesystem() == "btrfs" ? "of volumes in use, in constant time"
      : pool.reflink()             ? "of volumes in use, by extents"
                                   : "only of volumes that are not in use: its files can't share "
                                     "blocks; use btrfs, or xfs with reflink",
      "\n  directories  ",
      pool.directory_limit_reason().empty() ? absl::StrCat("yes, by ", pool.directory_limit())
                                            : absl::StrCat("no: ", pool.directory_limit_reason()),
      "\n\nStart the driver with --pool=", pool.name(), "=", Printable(pool.path()), "\n");
}

absl::Status CheckNotPrepared(const std::string& path) {
  const absl::StatusOr<std::optional<nodevol::v1::PoolMarker>> marker =
      storage::ReadPoolMarker(path);
  // Why the directory can't be read, Pool::Open says better.
  if (!marker.ok() || !marker->has_value()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(path, " is a pool already (UUID ",
                                               (*marker)->pool_uuid(), "); nothing was done"));
}

// NOT_FOUND instead, with the same words, when there is no such path.
absl::Status Missing(const std::string& path, const absl::Status& why) {
  const bool missing = ErrnoOf(storage::ReadPoolMarker(path).status()) == ENOENT;
  return missing ? absl::NotFoundError(why.message()) : why;
}

Exit InitPool(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const std::string& path = arguments.words().front();
  if (!absl::StartsWith(path, "/")) {
    return Fail(streams, absl::InvalidArgumentError(absl::StrCat(
                             "\"", path, "\" is no absolute path; write one such as /mnt/ssd")));
  }
  const absl::StatusOr<std::string> name = NameFor(arguments, path);
  if (!name.ok()) return Fail(streams, name.status());
  if (const absl::Status unprepared = CheckNotPrepared(path); !unprepared.ok()) {
    if (!arguments.Has("existing-ok")) return Fail(streams, unprepared);
    streams.err << "nodevol: " << Printable(unprepared.message()) << "\n";
    return Exit::kOk;
  }
  const absl::StatusOr<std::unique_ptr<storage::Pool>> pool =
      storage::Pool::Open({.name = *name, .path = path, .create = true, .attended = true});
  if (!pool.ok()) return Fail(streams, Missing(path, pool.status()));
  const absl::StatusOr<std::optional<nodevol::v1::PoolMarker>> marker =
      storage::ReadPoolMarker(path);
  if (!marker.ok()) return Fail(streams, marker.status());
  const v1::Pool message = Describe(**pool, marker->value());
  streams.out << (*format == OutputFormat::kJson ? ToJson(message) : Describe(message));
  return Exit::kOk;
}

}  // namespace

void AddPoolInitCommand(std::vector<Command>& commands) {
  commands.push_back(
      {.name = "pool init",
       .words = "PATH",
       .summary = "prepare an empty directory of a mounted filesystem as a pool",
       .text =
           "Prepares the directory PATH as a pool, and says what it can do. The directory must be\n"
           "empty (lost+found may be there) and on a mounted xfs, ext4 or btrfs that is not the\n"
           "node's root filesystem. On btrfs it turns simple quotas on where the kernel has them.\n"
           "It works on the files, the driver need not run. Ends with 1 when it refuses, also "
           "when\n"
           "PATH is a pool already; with 4 when there is no PATH.",
       .examples =
           "  nodevol pool init /mnt/ssd\n"
           "  nodevol pool init /mnt/hdd/nodevol --name hdd\n"
           "  nodevol pool init /mnt/ssd --existing-ok   # before each start of the driver\n",
       .options = {{.name = "name",
                    .value = "NAME",
                    .help = "what the pool is to be called in --pool of the driver; default: the\n"
                            "last part of PATH. It is not on the disk"},
                   {.name = "existing-ok",
                    .value = "",
                    .help = "end with 0 when PATH is a pool already; nothing is changed then"},
                   OutputOption("table|json")},
       .least_words = 1,
       .most_words = 1,
       .run = InitPool});
}

}  // namespace nodevol::admin
