// SPDX-License-Identifier: Apache-2.0
#include "storage/block_test_util.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/file_data.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

size_t BlockAt(int64_t offset) { return static_cast<size_t>(offset / kBlockAlignment); }

// Zeros behind the end.
std::string ReadAt(int fd, int64_t offset, int64_t bytes) {
  std::string content(static_cast<size_t>(bytes), '\0');
  size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = ::pread(fd, content.data() + have, content.size() - have,
                                offset + static_cast<int64_t>(have));
    EXPECT_GE(got, 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  return content;
}

UniqueFd Open(const std::string& path, int flags) {
  absl::StatusOr<UniqueFd> fd = host::OpenPath(path, flags);
  EXPECT_OK(fd) << path;
  return fd.ok() ? *std::move(fd) : UniqueFd();
}

// For each block of [0, end) whether differs(block of a, block of b).
template <typename Differs>
BlockSet CompareBlocks(int a, int b, int64_t end, Differs differs) {
  BlockSet set(BlockAt(end));
  constexpr int64_t kChunk = 4 * kMiB;
  for (int64_t offset = 0; offset < end; offset += kChunk) {
    const int64_t bytes = std::min(kChunk, end - offset);
    const std::string left = ReadAt(a, offset, bytes);
    const std::string right = b < 0 ? std::string(left.size(), '\0') : ReadAt(b, offset, bytes);
    for (int64_t at = 0; at < bytes; at += kBlockAlignment) {
      const auto from = static_cast<size_t>(at);
      set[BlockAt(offset + at)] = differs(absl::string_view(left).substr(from, kBlockAlignment),
                                          absl::string_view(right).substr(from, kBlockAlignment));
    }
  }
  return set;
}

bool IsDifferent(absl::string_view a, absl::string_view b) { return a != b; }

}  // namespace

absl::StatusOr<BlockPage> ListPage(TestNode& node, const BlockQuery& query,
                                   const OperationContext& context) {
  return Await<BlockPage>([&](Callback<BlockPage> done) {
    node.storage().ListBlocks(context, query, std::move(done));
  });
}

std::vector<BlockRange> ListAll(TestNode& node, const SnapshotPtr& base, const SnapshotPtr& target,
                                int64_t offset, size_t limit) {
  std::vector<BlockRange> all;
  BlockQuery query = {.target = target, .base = base, .offset = offset, .limit = limit};
  while (true) {
    const absl::StatusOr<BlockPage> page = ListPage(node, query);
    EXPECT_OK(page);
    if (!page.ok()) return all;
    EXPECT_LE(page->ranges.size(), limit);
    for (const BlockRange& range : page->ranges) {
      EXPECT_GT(range.length, 0);
      EXPECT_EQ(range.offset % kBlockAlignment, 0);
      EXPECT_EQ(range.length % kBlockAlignment, 0);
      EXPECT_GT(range.end(), offset);
      EXPECT_LE(range.end(), target->size_bytes());
      if (!all.empty()) {
        EXPECT_GT(range.offset, all.back().end());
      }
      all.push_back(range);
    }
    if (!page->next_offset.has_value()) return all;
    EXPECT_GT(*page->next_offset, query.offset);
    query.offset = *page->next_offset;
    if (::testing::Test::HasFailure()) return all;
  }
}

std::vector<BlockRange> From(const std::vector<BlockRange>& whole, int64_t offset) {
  const int64_t begin = offset / kBlockAlignment * kBlockAlignment;
  std::vector<BlockRange> rest;
  for (BlockRange range : whole) {
    if (range.end() <= begin) continue;
    const int64_t end = range.end();
    range.offset = std::max(range.offset, begin);
    range.length = end - range.offset;
    rest.push_back(range);
  }
  return rest;
}

BlockSet Union(BlockSet a, const BlockSet& b) {
  a.resize(std::max(a.size(), b.size()));
  for (size_t i = 0; i < b.size(); ++i) a[i] = a[i] || b[i];
  return a;
}

std::string ImagePath(TestNode& node, const SnapshotPtr& snapshot) {
  const std::string object = node.PathOf(snapshot);
  return node.disk().type() == host::FilesystemType::kBtrfs ? object + "/subvol/image"
                                                            : object + "/image";
}

BlockSet NonZeroBlocks(TestNode& node, const SnapshotPtr& target) {
  const UniqueFd image = Open(ImagePath(node, target), O_RDONLY);
  return CompareBlocks(image.get(), -1, target->size_bytes(), IsDifferent);
}

BlockSet DifferentBlocks(TestNode& node, const SnapshotPtr& base, const SnapshotPtr& target) {
  const UniqueFd a = Open(ImagePath(node, base), O_RDONLY);
  const UniqueFd b = Open(ImagePath(node, target), O_RDONLY);
  return CompareBlocks(a.get(), b.get(), target->size_bytes(), IsDifferent);
}

int64_t Missed(const std::vector<BlockRange>& ranges, const BlockSet& must) {
  BlockSet told(must.size());
  for (const BlockRange& range : ranges) {
    for (size_t i = BlockAt(range.offset); i < std::min(BlockAt(range.end()), told.size()); ++i) {
      told[i] = true;
    }
  }
  int64_t missed = 0;
  for (size_t i = 0; i < must.size(); ++i) missed += must[i] && !told[i] ? 1 : 0;
  return missed;
}

int64_t Surplus(const std::vector<BlockRange>& ranges, const BlockSet& may) {
  int64_t surplus = 0;
  for (const BlockRange& range : ranges) {
    for (size_t i = BlockAt(range.offset); i < BlockAt(range.end()); ++i) {
      surplus += i < may.size() && may[i] ? 0 : 1;
    }
  }
  return surplus;
}

RandomChanges::RandomChanges()
    : seed_(::testing::FLAGS_gtest_random_seed != 0
                ? static_cast<unsigned>(::testing::FLAGS_gtest_random_seed)
                : std::random_device{}() % 99999 + 1),  // what the flag can be
      random_(seed_) {
  std::printf("seed %u\n", seed_);
}

int64_t RandomChanges::Below(int64_t n) {
  return static_cast<int64_t>(random_() % static_cast<uint64_t>(n));
}

std::string RandomChanges::Content(int64_t bytes) {
  std::string content(static_cast<size_t>(bytes), '\0');
  if (Below(8) == 0) return content;  // zeros are data too
  for (char& c : content) c = static_cast<char>(random_());
  return content;
}

void RandomChanges::ChangeDevice(int fd, int count, BlockSet& touched) {
  const absl::StatusOr<int64_t> size = host::BlockDeviceSize(fd);
  ASSERT_OK(size);
  touched.resize(std::max(touched.size(), BlockAt(*size)));
  for (int i = 0; i < count; ++i) {
    const int64_t kind = Below(10);
    // Mostly small, sometimes many blocks; writes begin and end where they like.
    int64_t bytes = 1 + Below(Below(6) == 0 ? kMiB : 24 * kKiB);
    int64_t offset = Below(*size - bytes);
    if (kind >= 7) {
      offset = offset / kBlockAlignment * kBlockAlignment;
      bytes = RoundUp(bytes, kBlockAlignment);
      const int mode = kind == 7 ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;
      ASSERT_EQ(::fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, offset, bytes), 0);
    } else {
      const std::string content = kind < 2 ? ReadAt(fd, offset, bytes) : Content(bytes);
      ASSERT_EQ(::pwrite(fd, content.data(), content.size(), offset), bytes);
    }
    for (size_t b = BlockAt(offset); b < BlockAt(RoundUp(offset + bytes, kBlockAlignment)); ++b) {
      touched[b] = true;
    }
  }
}

void RandomChanges::ChangeFiles(const std::string& directory, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string path = absl::StrCat(directory, "/file-", Below(40));
    if (Below(5) == 0) {
      ::unlink(path.c_str());
      continue;
    }
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.valid());
    const int64_t bytes = 1 + Below(Below(6) == 0 ? 512 * kKiB : 24 * kKiB);
    const int64_t offset = Below(512 * kKiB);
    if (Below(8) == 0) {
      ASSERT_EQ(::ftruncate(file.get(), offset), 0);
      continue;
    }
    const std::string content = Below(5) == 0 ? ReadAt(file.get(), offset, bytes) : Content(bytes);
    ASSERT_EQ(::pwrite(file.get(), content.data(), content.size(), offset), bytes);
    if (Below(4) == 0) {
      ASSERT_OK(host::Sync(file.get()));
    }
  }
  const UniqueFd root = Open(directory, O_RDONLY | O_DIRECTORY);
  fstrim_range all = {.start = 0, .len = std::numeric_limits<uint64_t>::max(), .minlen = 0};
  if (Below(2) == 0) {
    ASSERT_EQ(::ioctl(root.get(), FITRIM, &all), 0);
  }
}

}  // namespace nodevol::storage
