// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_WEAKNESS_WEAKNESS_FIXTURE_H_
#define NODEVOL_TEST_WEAKNESS_WEAKNESS_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/bytes.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {

using Controller = CsiClient::Controller;
using Node = CsiClient::Node;
using AccessMode = csi::v1::VolumeCapability::AccessMode;

// A weakness that drivers of this kind have had, by its number in README.md: what happened there
// must not happen here.
class Weakness : public ServiceFixture {
 protected:
  void StartOn(const Ground& ground, int64_t pool_bytes = 4 * kGiB) {
    ASSERT_NO_FATAL_FAILURE(StartNode(
        {.ground = ground, .pool_bytes = pool_bytes, .more_flags = {"--log-level=debug"}}));
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    return client().csi().Call(method, request);
  }
  absl::StatusOr<csi::v1::Volume> Create(const csi::v1::CreateVolumeRequest& request) {
    absl::StatusOr<csi::v1::CreateVolumeResponse> response =
        Call(&Controller::CreateVolume, request);
    if (!response.ok()) return response.status();
    return response->volume();
  }
  [[nodiscard]] csi::v1::CreateVolumeRequest VolumeRequest(const std::string& name) const {
    return client().VolumeRequest(name, node().ground().volume_bytes);
  }
  // A volume of the ground's kind that a pod uses.
  absl::StatusOr<Pod> StartPod(const std::string& name) {
    const absl::StatusOr<std::string> id = node().CreateVolume(name);
    if (!id.ok()) return id.status();
    return StartPodOn(*id, name);
  }
  absl::StatusOr<Pod> StartPodOn(const std::string& volume_id, const std::string& name) {
    Pod pod(volume_id, node().directory(), name);
    const absl::Status started = pod.Start(client());
    if (!started.ok()) return started;
    return pod;
  }
  // As StartPod, and writes into it.
  absl::StatusOr<Pod> StartPodWith(const std::string& name, const std::string& content) {
    absl::StatusOr<Pod> pod = StartPod(name);
    if (!pod.ok()) return pod;
    const absl::Status written = pod->Write("content", content);
    if (!written.ok()) return written;
    return pod;
  }
  // A snapshot, not of a volume in use: not every pool has those.
  absl::StatusOr<std::string> SnapshotAtRest(const Pod& pod, const std::string& name);

  // The n-th call of its kind in the driver's workers ends the driver in the midst of the
  // operation; then it is started again. False when there was no n-th.
  bool KillDuring(const std::string& system_call, int n,
                  const std::function<absl::Status()>& operation);

  // Data that the driver knows nothing of fill the pool's disk; so many bytes are left free.
  void FillDisk(int64_t leave);

  absl::Status Probe() {
    return Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()).status();
  }
  static std::vector<std::string> NamesIn(const std::string& directory);
  // Whether the root of a mount is at the path.
  static bool IsMounted(const std::string& path);
  static absl::StatusOr<int64_t> DeviceSize(const std::string& path);
  static bool CanWrite(const std::string& path);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_WEAKNESS_WEAKNESS_FIXTURE_H_
