// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/cable.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "base/status_macros.h"
#include "host/spawn.h"

namespace nodevol::testing {
namespace {

constexpr char kIp[] = "/sbin/ip";
constexpr absl::Duration kTimeout = absl::Minutes(1);

}  // namespace

Cable::Cable(int number, const Namespaces& controller, const Namespaces& node)
    : number_(number),
      controller_(&controller),
      node_(&node),
      device_(absl::StrCat("cable", number)) {}

absl::StatusOr<Cable> Cable::Lay(int number, const Namespaces& controller, const Namespaces& node) {
  const Cable cable(number, controller, node);
  // Each end is made where it belongs: nothing of it is seen outside, not even for a moment.
  RETURN_IF_ERROR(cable.Ip(End::kController,
                           {"link", "add", cable.device_, "type", "veth", "peer", "name",
                            cable.device_, "netns", host::kSpawnFilePath},
                           node.network()));
  for (const End end : {End::kController, End::kNode}) {
    RETURN_IF_ERROR(cable.SetAddress(end));
    RETURN_IF_ERROR(cable.Set(end, "up"));
  }
  return cable;
}

absl::Status Cable::Ip(End end, const std::vector<std::string>& words, int file) const {
  std::vector<std::string> command = {kIp};
  command.insert(command.end(), words.begin(), words.end());
  const Namespaces& inside = end == End::kController ? *controller_ : *node_;
  return inside.Run([&] { return host::Run(command, file, kTimeout); });
}

absl::Status Cable::Set(End end, absl::string_view state) const {
  return Ip(end, {"link", "set", device_, std::string(state)}, node_->network());
}

std::string Cable::AddressOf(End end) const {
  return absl::StrCat("10.77.", number_, end == End::kController ? ".1" : ".2");
}

absl::Status Cable::SetAddress(End end) const {
  return Ip(end, {"address", "add", absl::StrCat(AddressOf(end), "/30"), "dev", device_},
            node_->network());
}

absl::Status Cable::Cut(End end) {
  RETURN_IF_ERROR(Mend());
  RETURN_IF_ERROR(Set(end, "down"));
  cut_at_ = end;
  return absl::OkStatus();
}

absl::Status Cable::Mend() {
  if (whole()) return absl::OkStatus();
  RETURN_IF_ERROR(Set(*cut_at_, "up"));
  cut_at_.reset();
  return absl::OkStatus();
}

}  // namespace nodevol::testing
