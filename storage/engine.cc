// SPDX-License-Identifier: Apache-2.0
#include "storage/engine.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "storage/discard.h"
#include "storage/image_backend.h"
#include "storage/layout.h"
#include "storage/pool_offer.h"
#include "storage/project_quota_backend.h"
#include "storage/recovery.h"
#include "storage/subvolume_backend.h"
#include "storage/trash.h"

namespace nodevol::storage {
namespace {

// Enough for the filesystem to commit many operations at once, few enough for a disk that hangs.
constexpr size_t kFastThreads = 16;
constexpr size_t kBulkThreads = 4;
constexpr absl::Duration kReapInterval = absl::Minutes(1);
// Costs a few system calls a volume, so not after each delete.
constexpr absl::Duration kMeasurementInterval = absl::Minutes(1);
// Looks at the group of every volume, so not after each delete.
constexpr absl::Duration kQuotaSweepInterval = absl::Minutes(10);

// Quota groups of subvolumes that are gone: newer kernels remove them by themselves, older ones
// leave them for ever.
void SweepQuotaGroups(const Pool& pool) {
  std::vector<host::QuotaGroupId> unused;
  const absl::Status listed = host::ForEachQuotaGroup(
      pool.root(), [&](host::QuotaGroupId group, const host::QuotaGroupUsage& usage) {
        constexpr uint64_t kFirstSubvolume = 256;
        if (group.level == 0 && group.id >= kFirstSubvolume && usage.used_bytes == 0) {
          unused.push_back(group);
        }
      });
  if (!listed.ok() || unused.empty()) return;
  // A subvolume that is being made has its group before it can be found itself: the commit waits
  // for it. No subvolume made later has one of these ids, they are not given twice.
  if (!host::CommitTransaction(pool.root()).ok()) return;
  for (const host::QuotaGroupId group : unused) {
    const absl::StatusOr<bool> exists = host::SubvolumeExists(pool.root(), group.id);
    if (exists.ok() && !*exists) host::RemoveQuotaGroup(pool.root(), group).IgnoreError();
  }
}

}  // namespace

Engine::Engine(std::unique_ptr<Pool> pool)
    : pool_(std::move(pool)),
      image_(std::make_unique<ImageBackend>(*pool_)),
      catalog_(pool_->uuid()),
      fast_({.name = pool_->name(), .threads = kFastThreads}),
      bulk_({.name = absl::StrCat(pool_->name().substr(0, 7), "-bulk"), .threads = kBulkThreads}) {
  switch (pool_->directory_limit().kind) {
    case v1::DirectoryContent::BTRFS_SIMPLE_QUOTA:
      directory_ = std::make_unique<SubvolumeBackend>(*pool_);
      break;
    case v1::DirectoryContent::PROJECT_QUOTA:
      directory_ = std::make_unique<ProjectQuotaBackend>(*pool_);
      break;
    default:
      break;
  }
}

Engine::~Engine() = default;

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(const PoolOptions& options,
                                                     RecordTrust trust) {
  ASSIGN_OR_RETURN(std::unique_ptr<Pool> pool, Pool::Open(options));
  std::unique_ptr<Engine> engine(new Engine(std::move(pool)));
  RETURN_IF_ERROR(
      Annotate(Recover(*engine, trust), absl::StrCat("recover pool \"", options.name, "\"")));
  engine->reaper_ = std::make_unique<PeriodicThread>(
      absl::StrCat(options.name, "-reaper"), kReapInterval, [e = engine.get()] { e->OnReap(); });
  if (engine->pool_->directory_limit().kind == v1::DirectoryContent::PROJECT_QUOTA) {
    engine->scrubber_ = std::make_unique<ProjectScrubber>(*engine->pool_, engine->catalog_.volumes);
  }
  engine->monitor_ = std::make_unique<PeriodicThread>(absl::StrCat("monitor-", options.name),
                                                      options.check_interval,
                                                      [e = engine.get()] { e->OnMonitor(); });
  return engine;
}

void Engine::OnMonitor() {
  asked_disk_at_ = absl::ToInt64Nanoseconds(MonotonicNow());
  const absl::Status works = pool_->CheckDisk();
  asked_disk_at_ = 0;
  if (!works.ok()) return;
  if (reap_again_) reaper_->Kick();
  MakeRoom();
  if (pool_->reserve().Missing() > 0) pool_->reserve().Restore().IgnoreError();
}

bool Engine::Hangs() const {
  const int64_t asked = asked_disk_at_;
  return asked != 0 && MonotonicNow() - absl::Nanoseconds(asked) > pool_->options().disk_patience;
}

absl::Status Engine::Availability() const {
  RETURN_IF_ERROR(pool_->fault());
  if (!Hangs()) return absl::OkStatus();
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "pool \"", pool_->name(), "\" hangs: its disk has not answered for more than ",
          absl::FormatDuration(pool_->options().disk_patience),
          "; look after the disk, or thaw its filesystem if somebody froze it (fsfreeze -u). All "
          "goes on when it answers")),
      kPoolHangs);
}

bool Engine::Drain(absl::Duration timeout) {
  const absl::Duration deadline = MonotonicNow() + timeout;
  bool drained = fast_.Close(timeout);
  drained &= bulk_.Close(deadline - MonotonicNow());
  drained &= visits_.Close(deadline - MonotonicNow());
  drained &= monitor_->Stop(deadline - MonotonicNow());
  drained &= reaper_->Stop(deadline - MonotonicNow());
  if (scrubber_ != nullptr) drained &= scrubber_->Stop(deadline - MonotonicNow());
  return drained;
}

absl::StatusOr<Visits::Visit> Engine::BeginVisit() {
  std::optional<Visits::Visit> visit = visits_.Begin();
  if (!visit.has_value()) {
    return absl::UnavailableError(
        absl::StrCat("pool \"", pool_->name(), "\" is being closed; retry"));
  }
  return *std::move(visit);
}

bool Engine::Retire() {
  if (!Drain(absl::ZeroDuration())) return false;
  pool_->Release();
  return true;
}

void Engine::OnReap() {
  if (!pool_->Check().ok()) return;
  if (MonotonicNow() >= next_measurement_) {
    TrimVolumes(*this);
    MeasureVolumes();
    ExamineUsedVolumes();
    next_measurement_ = MonotonicNow() + kMeasurementInterval;
  }
  const absl::Time now = absl::Now();
  for (const KeptVolume& expired : kept_.TakeExpired(now)) {
    pool_->ledger().Release(LedgerKey(expired.name));
  }
  const absl::Status emptied = EmptyTrash(*pool_, now);
  reap_again_ = !emptied.ok();
  if (!emptied.ok() && emptied != last_reap_) {
    log::Warn("the trash can't be emptied; it is tried again every few seconds",
              {{"pool", pool_->name()}, {"error", emptied}});
  }
  last_reap_ = emptied;
  if (pool_->directory_limit().kind == v1::DirectoryContent::BTRFS_SIMPLE_QUOTA &&
      MonotonicNow() >= next_quota_sweep_) {
    SweepQuotaGroups(*pool_);
    next_quota_sweep_ = MonotonicNow() + kQuotaSweepInterval;
  }
}

void Engine::ExamineUsedVolumes() {
  IllVolumes::Findings ill;
  for (const std::string& id : mounts_.VolumeIds()) {
    const absl::StatusOr<VolumePtr> volume = catalog_.volumes.Find(id);
    if (!volume.ok()) continue;
    std::vector<HealthCondition> conditions = Examine(**volume);
    if (!conditions.empty()) ill[id] = std::move(conditions);
  }
  const std::vector<std::string> changed = catalog_.ill.Replace(std::move(ill));
  for (const std::string& id : changed) {
    for (const HealthCondition& condition : catalog_.ill.Of(id)) {
      log::Warn("something is wrong with a volume in use", {{"pool", pool_->name()},
                                                            {"volume_id", id},
                                                            {"reason", condition.reason},
                                                            {"error", condition.message}});
    }
    catalog_.volumes.Tell(id);
  }
}

std::vector<HealthCondition> Engine::Examine(const v1::VolumeRecord& volume) {
  const absl::StatusOr<UniqueFd> object = host::OpenDirectory(pool_->volumes(), volume.id());
  if (!object.ok()) return {};  // deleted meanwhile, or the pool's own trouble
  for (const VolumeMount& mount : mounts_.Find(volume.id())) {
    const auto fd = OpenMountOf(object->get(), volume, mount.path);
    // A filesystem that has shut down does not even say whose it is.
    if (ErrnoOf(fd.status()) == EIO) return {FilesystemShutDown(fd.status())};
    if (!fd.ok() || !fd->has_value()) continue;
    return BackendOf(volume).HealthInUse(object->get(), volume, (*fd)->get());
  }
  return {};
}

void Engine::MeasureVolumes() {
  std::string after;
  constexpr size_t kPage = 256;
  while (true) {
    const std::vector<VolumePtr> page = catalog_.volumes.After(after, kPage);
    for (const VolumePtr& volume : page) Measure(*volume);
    if (page.size() < kPage) return;
    after = page.back()->id();
  }
}

void Engine::Measure(const v1::VolumeRecord& record) {
  const absl::StatusOr<int64_t> written = WrittenBytesOf(pool_->volumes(), record.id(), record);
  const std::optional<VolumeId> id = VolumeId::Parse(record.id());
  if (written.ok() && id.has_value()) pool_->ledger().SetWritten(LedgerKey(*id), *written);
}

absl::StatusOr<int64_t> Engine::WrittenBytesOf(int parent, const std::string& name,
                                               const v1::VolumeRecord& record) {
  ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(parent, name));
  return BackendOf(record).WrittenBytes(object.get(), record.directory());
}

BackendChoice Engine::Resolve(const VolumeSpec& spec) const {
  return ResolveBackend(spec, pool_->directory_limit().kind);
}

Backend* Engine::BackendFor(const VolumeSpec& spec) {
  return Resolve(spec) == BackendChoice::kDirectory ? directory_.get() : image_.get();
}

int64_t Engine::ProjectEscapes() const { return scrubber_ == nullptr ? 0 : scrubber_->escapes(); }

std::string Engine::LedgerKey(const VolumeId& id) {
  return absl::StrCat(kVolumesDirectory, "/", id.text());
}

std::string Engine::LedgerKey(const SnapshotId& id) {
  return absl::StrCat(kSnapshotsDirectory, "/", id.text());
}

absl::StatusOr<UniqueFd> Engine::OpenVolume(const VolumeId& id) {
  RETURN_IF_ERROR(pool_->Check());
  return host::OpenDirectory(pool_->volumes(), id.text());
}

absl::StatusOr<std::optional<UniqueFd>> Engine::OpenMountOf(int object,
                                                            const v1::VolumeRecord& record,
                                                            const std::string& path) {
  absl::StatusOr<UniqueFd> fd = host::OpenPath(path, O_PATH | O_NOFOLLOW);
  if (!fd.ok()) {
    // Nothing is, or can be, at such a path.
    for (const int error : {ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP}) {
      if (ErrnoOf(fd.status()) == error) return std::optional<UniqueFd>();
    }
    return fd.status();
  }
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(fd->get()));
  if (!info.mount_root) return std::optional<UniqueFd>();
  ASSIGN_OR_RETURN(const bool ours, BackendOf(record).Owns(object, record, fd->get()));
  if (!ours) return std::optional<UniqueFd>();
  return std::optional<UniqueFd>(*std::move(fd));
}

absl::StatusOr<std::vector<VolumeMount>> Engine::LiveMounts(int object,
                                                            const v1::VolumeRecord& record) {
  std::vector<VolumeMount> live;
  for (VolumeMount& mount : mounts_.Find(record.id())) {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd, OpenMountOf(object, record, mount.path));
    if (fd.has_value()) {
      live.push_back(std::move(mount));
    } else {
      mounts_.Remove(record.id(), mount.path);
    }
  }
  return live;
}

absl::StatusOr<VolumeUse> Engine::UseOf(int object, const v1::VolumeRecord& record) {
  VolumeUse use;
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, LiveMounts(object, record));
  for (const VolumeMount& mount : mounts) {
    ASSIGN_OR_RETURN(std::optional<UniqueFd> fd, OpenMountOf(object, record, mount.path));
    if (!fd.has_value()) continue;
    use.mounted = *std::move(fd);
    break;
  }
  use.in_use = !mounts.empty();
  if (use.in_use) return use;
  // Somebody may use it although it is mounted nowhere that this driver sees: through a mount in
  // another namespace, or one that was taken away lazily. That is waited for, so it is asked only
  // when nothing else tells.
  const absl::Status unused = BackendOf(record).CheckUnused(object);
  if (ErrnoOf(unused) != 0) return unused;  // it could not be seen
  use.in_use = !unused.ok();
  return use;
}

}  // namespace nodevol::storage
