// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_CHANNELS_H_
#define NODEVOL_TEST_SCALE_CHANNELS_H_

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "grpcpp/channel.h"

#include "link/key_pair.h"

namespace nodevol::testing {

// Makes the channels of many nodes to a controller, each with a connection of its own, and waits
// for the end of all of them. Thread-safe.
//
// gRPC 1.51 has a few threads for the callbacks of all channels of a process, which end with the
// last of these: when one of the threads itself lets go of that, it waits for its own end for ever.
// A channel that is kept here outlives the others, and goes with this.
class Channels {
 public:
  Channels();
  // Waits until all that were made are gone: those who have them are about to let go.
  ~Channels();
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  // To an address as gRPC takes it ("ipv4:127.0.0.1:9443").
  std::shared_ptr<grpc::Channel> Make(const std::string& address, const link::KeyPair& pair);

 private:
  class Tally;

  // A call that comes to nothing, for so long. It ties the channel that is kept to the threads.
  void Poll(std::chrono::milliseconds duration);

  const std::set<int> sockets_before_;
  const std::shared_ptr<Tally> alive_;
  const std::shared_ptr<grpc::Channel> last_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_CHANNELS_H_
