// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_NODE_LIST_H_
#define NODEVOL_KUBERNETES_NODE_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "kubernetes/api_client.h"
#include "kubernetes/node_objects.h"

namespace nodevol::kubernetes {

// The Node objects as the API server lists them, page by page, their metadata only.
class ApiNodeObjects final : public NodeObjects {
 public:
  // The client must outlive it. `page` is how many objects are asked for at once.
  explicit ApiNodeObjects(ApiClient& api, int page = 250) : api_(api), page_(page) {}

  // Whoever is not in the list has no Node object, and volumes may be forgotten for that. So what
  // could be a part of a list is UNAVAILABLE, and a list of none as well: something runs the
  // cluster.
  absl::StatusOr<std::vector<NodeObject>> List() override;

 private:
  // All pages, of one state of the cluster. OUT_OF_RANGE when that has been too long ago meanwhile.
  absl::StatusOr<std::vector<NodeObject>> ListOnce();
  [[nodiscard]] std::string PathOf(const std::string& continue_token) const;

  ApiClient& api_;
  const int page_;
};

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_NODE_LIST_H_
