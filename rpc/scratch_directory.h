// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_SCRATCH_DIRECTORY_H_
#define NODEVOL_RPC_SCRATCH_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

// For tests: a new directory with a short path, as sockets need it, removed with all that is in it.
namespace nodevol::rpc {

class ScratchDirectory {
 public:
  ScratchDirectory() : path_(::mkdtemp(name_) == nullptr ? "" : name_) {}
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.insert(entry.path().filename());
    }
    return names;
  }

 private:
  char name_[sizeof("/tmp/nodevol-XXXXXX")] = "/tmp/nodevol-XXXXXX";
  const std::string path_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_SCRATCH_DIRECTORY_H_
