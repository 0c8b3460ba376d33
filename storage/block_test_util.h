// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_BLOCK_TEST_UTIL_H_
#define NODEVOL_STORAGE_BLOCK_TEST_UTIL_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/block_ranges.h"
#include "storage/storage_test_util.h"

// What the tests of block lists share: the lists, the bytes that they must be true of, and changes
// to volumes.
namespace nodevol::storage {

// One page.
absl::StatusOr<BlockPage> ListPage(TestNode& node, const BlockQuery& query,
                                   const OperationContext& context = {});
// All pages, of at most `limit` ranges each. Fails the test when they are not as they must be:
// ascending, apart, aligned, within the volume. A null base: what is allocated.
std::vector<BlockRange> ListAll(TestNode& node, const SnapshotPtr& base, const SnapshotPtr& target,
                                int64_t offset = 0, size_t limit = 4096);
// What of a whole list must be told from an offset on.
std::vector<BlockRange> From(const std::vector<BlockRange>& whole, int64_t offset);

// One bit a block.
using BlockSet = std::vector<bool>;
BlockSet Union(BlockSet a, const BlockSet& b);

// The file with a snapshot's image.
std::string ImagePath(TestNode& node, const SnapshotPtr& snapshot);
// The blocks that are not all zeros, and those that are not the same: by reading the images.
BlockSet NonZeroBlocks(TestNode& node, const SnapshotPtr& target);
BlockSet DifferentBlocks(TestNode& node, const SnapshotPtr& base, const SnapshotPtr& target);

// How many blocks of `must` the ranges leave out, and how many they have that `may` does not.
int64_t Missed(const std::vector<BlockRange>& ranges, const BlockSet& must);
int64_t Surplus(const std::vector<BlockRange>& ranges, const BlockSet& may);

// Changes at random, of a seed that the test's output has. --gtest_random_seed sets it,
// --gtest_repeat goes on with others.
class RandomChanges {
 public:
  RandomChanges();

  [[nodiscard]] unsigned seed() const { return seed_; }
  // A number in [0, n).
  int64_t Below(int64_t n);

  // Writes, overwrites with the same, discards and zeroes in the block device `fd`; `touched` gets
  // the blocks. Nothing is synced.
  void ChangeDevice(int fd, int count, BlockSet& touched);
  // Writes, overwrites with the same, deletes and truncates files in a mounted filesystem, and
  // gives its free blocks back.
  void ChangeFiles(const std::string& directory, int count);

 private:
  std::string Content(int64_t bytes);

  const unsigned seed_;
  std::mt19937_64 random_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_BLOCK_TEST_UTIL_H_
