// SPDX-License-Identifier: Apache-2.0
//
// Volumes come and go, while the driver is killed every few seconds: nothing that was acknowledged
// is lost, and in the end nothing is left: no directory, mount, loop device, quota group or
// descriptor, and no memory. The environment variable NODEVOL_SOAK_VOLUMES says how many lives
// there are at least (200).
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "base/bytes.h"
#include "base/monotonic.h"
#include "host/file.h"
#include "test/client/ground.h"
#include "test/client/grpc_environment.h"
#include "test/soak/mortal_driver.h"
#include "test/soak/volume_life.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

constexpr int kClientsPerGround = 3;
constexpr int kFewestKills = 3;
constexpr unsigned kMostTurns = 100;

int Lives() {
  const char* text = std::getenv("NODEVOL_SOAK_VOLUMES");
  int lives = 200;
  return text != nullptr && absl::SimpleAtoi(text, &lives) && lives > 0 ? lives : 200;
}

int64_t OpenDescriptors(pid_t pid) {
  int64_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"))) {
    std::error_code gone;
    // gRPC makes and drops those of its event loops as it likes.
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone && target.rfind("anon_inode:[event", 0) != 0 && target.rfind("socket:", 0) != 0)
      ++count;
  }
  return count;
}

class SoakTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = NewDirectory();
    grounds_ = {DirectoryOnBtrfs(), ImageOnXfs(), BlockOnXfs()};
    std::vector<std::string> pools;
    for (Ground& ground : grounds_) {
      ASSERT_OK_AND_ASSIGN(
          TestFilesystem disk,
          TestFilesystem::Create({.type = ground.pool_filesystem, .bytes = int64_t{16} << 30}));
      const std::string pool = absl::StrCat("p", pools.size());
      pools.push_back(absl::StrCat(pool, "=", disk.path()));
      ground.volume_class.parameters["pool"] = pool;
      disks_.push_back(std::make_unique<TestFilesystem>(std::move(disk)));
    }
    initially_ = Leftovers::Now();
    driver_ = std::make_unique<MortalDriver>(
        DriverProcess::Options{.pools = pools,
                               .socket_path = directory_ + "/csi.sock",
                               .log_path = directory_ + "/log",
                               .more_flags = {"--create-pools", "--log-level=warn"}});
  }
  void TearDown() override {
    driver_.reset();
    std::filesystem::remove_all(directory_ + "/pods");
    for (const char* name : {"/log", "/csi.sock", "/csi.sock.admin"}) {
      std::filesystem::remove(directory_ + name);
    }
    std::filesystem::remove(directory_);
  }

  // Leads `lives` lives, with several clients for each ground at once.
  void Churn(int lives, unsigned seed) {
    std::filesystem::create_directory(directory_ + "/pods");
    std::vector<std::thread> clients;
    const int clients_in_all = kClientsPerGround * static_cast<int>(grounds_.size());
    for (int i = 0; i < clients_in_all; ++i) {
      const Ground& ground = grounds_[static_cast<size_t>(i) % grounds_.size()];
      const int share = (lives + i) / clients_in_all;
      clients.emplace_back([this, &ground, share, i, seed] {
        VolumeClient client(directory_ + "/csi.sock", ground.volume_class);
        VolumeLives volumes(client, ground.volume_bytes, directory_ + "/pods",
                            absl::StrCat("s", seed, "-", i), seed + static_cast<unsigned>(i));
        for (int life = 0; life < share; ++life) {
          const absl::Status lived = volumes.LiveOne();
          if (!lived.ok()) {
            ADD_FAILURE() << ground.name << ": " << lived;
            return;
          }
        }
      });
    }
    for (std::thread& client : clients) client.join();
  }

  void ExpectNothingLeft() {
    for (const auto& disk : disks_) EXPECT_OK(CheckPoolEmpty(*disk));
    EXPECT_OK(Eventually([this]() -> absl::Status {
      const Leftovers now = Leftovers::Now();
      if (now.loops == initially_.loops && now.mounts == initially_.mounts) return absl::OkStatus();
      return absl::InternalError(absl::StrCat(now.loops - initially_.loops, " loop devices and ",
                                              now.mounts - initially_.mounts, " mounts are left"));
    }));
  }

  std::string directory_;
  std::vector<Ground> grounds_;
  std::vector<std::unique_ptr<TestFilesystem>> disks_;
  Leftovers initially_;
  std::unique_ptr<MortalDriver> driver_;
};

TEST_F(SoakTest, KilledAgainAndAgainItLosesAndLeavesNothing) {
  const unsigned seed = std::random_device()() % 100000;
  std::printf("seed %u\n", seed);
  const absl::Duration start = MonotonicNow();
  ASSERT_OK(driver_->Start(absl::Seconds(1), absl::Seconds(5), seed));
  // Few lives are over before the driver was killed at all.
  int lives = 0;
  for (unsigned turn = 0; turn < kMostTurns; ++turn) {
    Churn(Lives(), seed + turn);
    lives += Lives();
    if (driver_->kills() >= kFewestKills || HasFailure()) break;
  }
  const int kills = driver_->kills();
  ASSERT_OK(driver_->Spare());
  ExpectNothingLeft();
  EXPECT_GT(kills, 0);
  std::printf("%d lives, %d kills, %s\n", lives, kills,
              absl::FormatDuration(absl::Trunc(MonotonicNow() - start, absl::Seconds(1))).c_str());
}

// The same work again and again takes no more memory and no more descriptors.
TEST_F(SoakTest, LeftAloneItStaysAsSmallAsItWas) {
  constexpr int64_t kTolerated = 8 * kMiB;  // of the allocator, whose arenas settle late
  ASSERT_OK(driver_->Start(absl::Hours(24), absl::Hours(25), 0));
  ASSERT_OK(driver_->Spare());
  Churn(Lives() / 4, 1);
  ExpectNothingLeft();
  const int64_t memory = driver_->process().ResidentBytes();
  const int64_t descriptors = OpenDescriptors(driver_->process().pid());
  Churn(Lives() / 2, 2);
  ExpectNothingLeft();
  const int64_t memory_after = driver_->process().ResidentBytes();
  std::printf("resident %s, then %s\n", HumanBytes(memory).c_str(),
              HumanBytes(memory_after).c_str());
  EXPECT_LE(memory_after, memory + kTolerated);
  EXPECT_LE(OpenDescriptors(driver_->process().pid()), descriptors);
}

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

}  // namespace
}  // namespace nodevol::testing
