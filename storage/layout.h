// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_LAYOUT_H_
#define NODEVOL_STORAGE_LAYOUT_H_

// The names in a pool, and the only place that knows them:
//
//   POOL/.nodevol/pool          marker: which disk this is
//   POOL/.nodevol/lock          held by the process that owns the pool
//   POOL/.nodevol/reserve       space given up so that a full pool can still delete
//   POOL/.nodevol/epoch         how often the pool was opened
//   POOL/.nodevol/project-ids   which project ids were given out (xfs, ext4)
//   POOL/.nodevol/staging/      being built; garbage by definition at start
//   POOL/.nodevol/trash/        deleted; removed in the background
//   POOL/volumes/ID/record      what is known of the volume
//   POOL/volumes/ID/data/       its content (directory backend), what a pod sees
//   POOL/volumes/ID/image       its content (image backend)
//   POOL/volumes/ID/subvol/image    the same on btrfs, where each image has a subvolume
//   POOL/snapshots/ID/...       as volumes/ID
//   POOL/groups/ID/record       what is known of the group snapshot
namespace nodevol::storage {

inline constexpr char kMetaDirectory[] = ".nodevol";
inline constexpr char kMarkerFile[] = "pool";
inline constexpr char kLockFile[] = "lock";
inline constexpr char kReserveFile[] = "reserve";
inline constexpr char kEpochFile[] = "epoch";
inline constexpr char kProjectIdsFile[] = "project-ids";
inline constexpr char kStagingDirectory[] = "staging";
inline constexpr char kTrashDirectory[] = "trash";
inline constexpr char kVolumesDirectory[] = "volumes";
inline constexpr char kSnapshotsDirectory[] = "snapshots";
inline constexpr char kGroupsDirectory[] = "groups";
inline constexpr char kRecordFile[] = "record";
inline constexpr char kDataDirectory[] = "data";
inline constexpr char kImageFile[] = "image";
inline constexpr char kImageSubvolume[] = "subvol";

// What a file is called while it replaces another: NAME.tmp. A leftover is garbage.
inline constexpr char kTemporarySuffix[] = ".tmp";

// Directories and files of the driver are root's alone.
inline constexpr unsigned kDirectoryMode = 0700;
inline constexpr unsigned kFileMode = 0600;

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_LAYOUT_H_
