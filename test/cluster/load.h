// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_LOAD_H_
#define NODEVOL_TEST_CLUSTER_LOAD_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"

#include "test/cluster/cluster.h"
#include "test/cluster/holdings.h"
#include "test/cluster/load_client.h"
#include "test/service/observations.h"

namespace nodevol::testing {

// Several LoadClients, each on a thread of its own, until they are stopped.
class Load {
 public:
  // They begin at once. The cluster must outlive the load.
  Load(const Cluster& cluster, size_t clients, unsigned seed);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // How many wishes were fulfilled by now.
  [[nodiscard]] int acknowledged() const;
  // Waits until so many more are. INTERNAL when an answer came that must not be.
  [[nodiscard]] absl::Status AwaitMore(int wishes) const;
  // Waits until each has ended what it does.
  void Stop();

  // The answers that must not be; "OK 800, UNAVAILABLE 120".
  [[nodiscard]] std::vector<std::string> Complaints() const { return observations_.Complaints(); }
  [[nodiscard]] std::string Answers() const { return observations_.Summary(); }

  // The next three once it is stopped.
  // LoadClient::Settle and DeleteAll of all clients.
  absl::Status Settle();
  absl::Status DeleteAll();
  // What must be there, once all is settled.
  [[nodiscard]] Holdings Expected() const;

 private:
  absl::Status ForEach(const std::function<absl::Status(LoadClient&)>& work);

  Observations observations_;
  std::vector<std::unique_ptr<LoadClient>> clients_;
  std::atomic<bool> enough_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_LOAD_H_
