// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_OPTIONS_H_
#define NODEVOL_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/log.h"
#include "kubernetes/api_client.h"
#include "link/key_pair.h"
#include "rpc/tcp_listener.h"
#include "storage/pool.h"

namespace nodevol {

enum class Role { kAll, kNode, kController };

// ServiceAccount tokens that nodes prove by who they are.
struct LinkTokens {
  std::string audience;
  std::string service_account;  // NAMESPACE/NAME
};

// The stream between nodes and controllers.
struct LinkOptions {
  // Of a controller: where it listens. Of a node: where its controllers are, maybe by name.
  rpc::HostPort address;
  link::KeyFiles files;
  std::string trust_domain;
  // Of a node: is shown instead of a certificate; "" for none.
  std::string token_file;
  // Of a controller: by what it knows nodes; none: by their certificates.
  std::optional<LinkTokens> tokens;
};

// The command line, understood and checked.
struct Options {
  std::string socket_path;
  std::string admin_socket_path;  // "" for none
  // Named on the command line: it must be served.
  bool admin_socket_named = false;
  Role role = Role::kAll;
  // None where one process is everything, and on a node that has no controller.
  std::optional<LinkOptions> link;
  // Of a controller: the API server of its cluster. None: nothing is asked of it.
  std::optional<kubernetes::ApiClient::Options> api_server;
  // Of a controller: how long a node's object must be absent until the node is taken for gone for
  // good. InfiniteDuration: never is.
  absl::Duration forget_node_after = absl::InfiniteDuration();
  // Of a controller: the key of the taint that is taken off nodes which have come up; "" for none.
  std::string startup_taint;
  std::string node_id;
  std::string driver_name;
  std::vector<storage::PoolOptions> pools;
  // Where static volumes may be: normal paths.
  std::vector<std::string> static_paths;
  std::string metrics_address;  // "" for none
  // Kubelet's plugins_registry; "" when somebody else registers the driver.
  std::string registration_dir;
  std::string registration_endpoint;  // of the CSI socket, as kubelet sees it
  bool health = false;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
};

// Reads the flags. Ends the process for --help, --version and flags that do not exist.
// INVALID_ARGUMENT names every mistake, with its value and what to write instead.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace nodevol

#endif  // NODEVOL_OPTIONS_H_
