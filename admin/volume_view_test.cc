// SPDX-License-Identifier: Apache-2.0
#include "admin/volume_view.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kDay = 86400;
constexpr int64_t kCreated = 1795455743;  // 2026-11-23T17:42:23Z
const absl::Time now = absl::FromUnixSeconds(kCreated + 3 * kDay + 7200);

constexpr char kId[] = "d957c011f7cb0a332b5fd58062c03686.2b66ee1e653ef38d9e1e6a129b43626a";

v1::Volume Volume(const std::string& name) {
  v1::Volume volume;
  volume.set_id(kId);
  volume.set_name(name);
  volume.set_pool("ssd");
  volume.set_state("idle");
  volume.set_backend("image");
  volume.set_fs_type("ext4");
  volume.set_size_bytes(10 * kGiB);
  volume.set_written_bytes(3 * kMiB / 2);
  volume.mutable_created()->set_seconds(kCreated);
  return volume;
}

v1::ListVolumesResponse List() {
  v1::ListVolumesResponse list;
  *list.add_volumes() = Volume("pvc-1");
  v1::Volume& directory = *list.add_volumes() = Volume("pvc-2");
  directory.set_backend("directory");
  directory.clear_fs_type();
  directory.set_state("mounted");
  directory.add_mounts("/a");
  directory.add_mounts("/b");
  v1::Volume& of_a_pod = *list.add_volumes() = Volume("");
  of_a_pod.set_inline_target_path("/pods/1");
  of_a_pod.set_block(true);
  of_a_pod.clear_fs_type();
  of_a_pod.set_thick(true);
  v1::Volume& damaged = *list.add_volumes();
  damaged.set_id("DAMAGED");
  damaged.set_pool("ssd");
  damaged.set_state("damaged");
  damaged.set_reason("the checksum\x1b does not match");
  return list;
}

TEST(VolumeTableTest, IsForPeople) {
  EXPECT_EQ(VolumeTable(List().volumes(), false, now),
            "NAME     POOL  KIND                SIZE  WRITTEN  STATE         CREATED               "
            " AGE\n"
            "pvc-1    ssd   ext4 image        10 GiB  1.5 MiB  idle          2026-11-23T17:42:23Z  "
            "3d2h\n"
            "pvc-2    ssd   directory         10 GiB  1.5 MiB  mounted       2026-11-23T17:42:23Z  "
            "3d2h\n"
            "-        ssd   raw block, thick  10 GiB  1.5 MiB  idle, inline  2026-11-23T17:42:23Z  "
            "3d2h\n"
            "DAMAGED  ssd   -                      -        -  damaged       -                     "
            "   -\n"
            "\n"
            "DAMAGED: the checksum\\u001b does not match\n");
}

TEST(VolumeTableTest, WideHasIdAndMounts) {
  EXPECT_THAT(VolumeTable(List().volumes(), true, now),
              AllOf(HasSubstr("AGE  ID"), HasSubstr(kId), HasSubstr("  /a,/b\n")));
}

TEST(DeletedVolumeTableTest, SaysUntilWhen) {
  v1::ListVolumesResponse list;
  v1::Volume& volume = *list.add_volumes() = Volume("pvc-1");
  volume.mutable_deleted()->set_seconds(kCreated + 3600);
  volume.mutable_kept_until()->set_seconds(kCreated + 7 * kDay);
  EXPECT_EQ(DeletedVolumeTable(list.volumes(), false, now),
            "NAME   POOL  KIND          SIZE  DELETED                AGE  KEPT UNTIL\n"
            "pvc-1  ssd   ext4 image  10 GiB  2026-11-23T18:42:23Z  3d1h  2026-11-30T17:42:23Z\n");
}

TEST(SnapshotTableTest, SaysOfWhichVolume) {
  v1::ListSnapshotsResponse list;
  v1::Snapshot& snapshot = *list.add_snapshots();
  snapshot.set_id("ID-1");
  snapshot.set_name("snap-1");
  snapshot.set_pool("ssd");
  snapshot.set_state("ready");
  snapshot.set_source_volume_id("VOLUME-ID");
  snapshot.set_source_volume_name("pvc-1");
  snapshot.set_size_bytes(kGiB);
  snapshot.set_pinned_bytes(5 * kMiB);
  snapshot.mutable_created()->set_seconds(kCreated);
  v1::Snapshot& orphan = *list.add_snapshots() = snapshot;
  orphan.clear_source_volume_name();
  EXPECT_EQ(SnapshotTable(list.snapshots(), false, now),
            "NAME    POOL  OF VOLUME          SIZE  PINNED  STATE  CREATED                AGE\n"
            "snap-1  ssd   pvc-1             1 GiB   5 MiB  ready  2026-11-23T17:42:23Z  3d2h\n"
            "snap-1  ssd   VOLUME-ID (gone)  1 GiB   5 MiB  ready  2026-11-23T17:42:23Z  3d2h\n");
}

v1::GetVolumeResponse Response() {
  v1::GetVolumeResponse response;
  response.mutable_node()->set_node_id("worker-1");
  *response.mutable_volume() = Volume("pvc-1");
  response.mutable_volume()->set_path("/mnt/ssd/volumes/X");
  nodevol::v1::VolumeRecord& record = *response.mutable_record();
  record.set_generation(4);
  record.mutable_attributes()->set_undelete_window_seconds(kDay);
  nodevol::v1::VolumeRequest& request = *record.mutable_request();
  (*request.mutable_parameters())["pool"] = "ssd";
  (*request.mutable_parameters())["backend"] = "image";
  request.mutable_content_source()->set_snapshot_id("SNAPSHOT");
  nodevol::v1::VolumeCapability& capability = *request.add_capabilities();
  capability.set_access_mode(nodevol::v1::SINGLE_NODE_WRITER);
  capability.mutable_mount()->set_fs_type("ext4");
  return response;
}

TEST(VolumeTextTest, SaysEverything) {
  v1::GetVolumeResponse response = Response();
  v1::Mount& mount = *response.add_mounts();
  mount.set_path("/var/lib/kubelet/x");
  mount.set_access_mode("SINGLE_NODE_WRITER");
  response.mutable_usage()->set_used_bytes(kMiB);
  response.mutable_usage()->set_total_bytes(9 * kGiB);
  response.mutable_usage()->set_used_inodes(11);
  response.mutable_usage()->set_total_inodes(640);
  response.mutable_record()->mutable_publication()->set_node_id("worker-1");
  EXPECT_EQ(
      VolumeText(response, now),
      "name                pvc-1\n"
      "id                  d957c011f7cb0a332b5fd58062c03686.2b66ee1e653ef38d9e1e6a129b43626a\n"
      "state               idle\n"
      "node                worker-1\n"
      "pool                ssd\n"
      "files               /mnt/ssd/volumes/X\n"
      "kind                ext4 image\n"
      "size                10 GiB (10737418240 bytes)\n"
      "created             2026-11-23T17:42:23Z (3d2h ago)\n"
      "written             1.5 MiB (1572864 bytes)\n"
      "mounted at          /var/lib/kubelet/x (SINGLE_NODE_WRITER)\n"
      "used inside         1 MiB (1048576 bytes) of 9 GiB (9663676416 bytes)\n"
      "inodes              11 of 640\n"
      "capabilities        SINGLE_NODE_WRITER, filesystem ext4\n"
      "parameters          backend=image\n"
      "                    pool=ssd\n"
      "made from           snapshot SNAPSHOT\n"
      "undelete window     24h\n"
      "published to        worker-1\n"
      "generation          4\n");
}

TEST(VolumeTextTest, DeletedVolumeSaysHowItComesBack) {
  v1::GetVolumeResponse response = Response();
  response.mutable_volume()->set_state("deleted");
  response.mutable_volume()->mutable_deleted()->set_seconds(kCreated + 60);
  response.mutable_volume()->mutable_kept_until()->set_seconds(kCreated + 3600);
  EXPECT_THAT(VolumeText(response, now),
              AllOf(HasSubstr("deleted             2026-11-23T17:43:23Z (3d1h ago)\n"),
                    HasSubstr("kept until          2026-11-23T18:42:23Z"),
                    HasSubstr(std::string("nodevol undelete ") + kId), Not(HasSubstr("written"))));
}

TEST(VolumeTextTest, WhatCouldNotBeLookedAtIsSaid) {
  v1::GetVolumeResponse response = Response();
  response.mutable_volume()->add_mounts("/perhaps");
  response.set_unmeasured("pool \"ssd\" is faulted");
  EXPECT_THAT(VolumeText(response, now),
              AllOf(HasSubstr("mounted at          /perhaps\n"),
                    HasSubstr("not looked at       pool \"ssd\" is faulted\n")));
}

TEST(VolumeTextTest, HostileNameStaysInItsLine) {
  v1::GetVolumeResponse response = Response();
  response.mutable_volume()->set_name("a\nstate               fine\x1b]0;x\x07");
  EXPECT_THAT(VolumeText(response, now),
              HasSubstr("name                a\\nstate               fine\\u001b]0;x\\u0007\n"));
}

}  // namespace
}  // namespace nodevol::admin
