// SPDX-License-Identifier: Apache-2.0
//
// A library for LD_PRELOAD that puts one step of the driver in the wrong order, without touching
// the driver: what the crash tests must find, or they see nothing. NODEVOL_PLANT names the fault:
//
//   record-after-rename    a volume is made visible before its record is written
//   group-after-subvolume  a volume's quota group is removed after the subvolume that names it
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>

namespace {

bool Planted(const char* fault) {
  const char* planted = std::getenv("NODEVOL_PLANT");
  return planted != nullptr && std::strcmp(planted, fault) == 0;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool IsStagedRecord(int fd) {
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof(path) - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return std::strstr(path, "/staging/") != nullptr && std::strstr(path, "/record") != nullptr;
}

struct Deferred {
  int fd = -1;
  std::string content;
  btrfs_ioctl_qgroup_create_args group = {};
};
thread_local Deferred deferred_write;
thread_local Deferred deferred_group;

}  // namespace

extern "C" ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (!Planted("record-after-rename") || !IsStagedRecord(fd)) return real(fd, data, size);
  deferred_write.fd = ::dup(fd);
  deferred_write.content.assign(static_cast<const char*>(data), size);
  return static_cast<ssize_t>(size);
}

extern "C" int renameat2(int old_directory, const char* old_name, int new_directory,
                         const char* new_name, unsigned flags) {
  static const auto real = Real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  const int result = real(old_directory, old_name, new_directory, new_name, flags);
  if (deferred_write.fd >= 0) {
    static const auto real_write = Real<ssize_t (*)(int, const void*, size_t)>("write");
    if (real_write(deferred_write.fd, deferred_write.content.data(),
                   deferred_write.content.size()) < 0) {
      std::abort();
    }
    ::fsync(deferred_write.fd);
    ::close(deferred_write.fd);
    deferred_write.fd = -1;
  }
  return result;
}

extern "C" int ioctl(int fd, unsigned long request, ...) {
  static const auto real = Real<int (*)(int, unsigned long, void*)>("ioctl");
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (!Planted("group-after-subvolume")) return real(fd, request, argument);
  if (request == BTRFS_IOC_QGROUP_CREATE) {
    const auto* group = static_cast<const btrfs_ioctl_qgroup_create_args*>(argument);
    if (group->create == 0 && (group->qgroupid >> 48) == 1) {
      deferred_group.fd = ::dup(fd);
      deferred_group.group = *group;
      return 0;
    }
  }
  const int result = real(fd, request, argument);
  if (request == BTRFS_IOC_SNAP_DESTROY_V2 && deferred_group.fd >= 0) {
    real(deferred_group.fd, BTRFS_IOC_QGROUP_CREATE, &deferred_group.group);
    ::close(deferred_group.fd);
    deferred_group.fd = -1;
  }
  return result;
}
