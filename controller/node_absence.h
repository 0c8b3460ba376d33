// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_NODE_ABSENCE_H_
#define NODEVOL_CONTROLLER_NODE_ABSENCE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "kubernetes/node_objects.h"

namespace nodevol::controller {

// Which nodes are known to be gone for good: their Node object, by name and UID, was seen to be
// absent for longer than a duration, and they have no stream. What is not seen does not count:
//  - Time passes only from one answer of the API server to the next; a failed question, or a long
//    silence, is no time.
//  - An object that is there, whatever its state, is a node that is there.
//  - Of a node whose object was never seen while it was connected nobody knows which object is its
//  own.
//
// A value: whoever has it guards it. Times are of the monotonic clock.
class NodeAbsence {
 public:
  // Answers that are further apart than this have a silence between them.
  static constexpr absl::Duration kLongestGap = absl::Minutes(1);

  // InfiniteDuration: no node is ever gone.
  explicit NodeAbsence(absl::Duration forget_after) : forget_after_(forget_after) {}

  // A stream of the node begins, maybe in the place of another: it is there after all. Its last
  // ends.
  void Connected(const std::string& node);
  void Disconnected(const std::string& node);

  // The API server is asked for the Node objects.
  void Asked();
  // What it has answered to that, all of them. Returns the nodes that are gone from now on.
  std::vector<std::string> Answered(const std::vector<kubernetes::NodeObject>& objects,
                                    absl::Duration now);
  // Or that it has not answered.
  void Unanswered() { last_answer_.reset(); }

  [[nodiscard]] bool IsGone(const std::string& node) const;

 private:
  struct Node {
    bool connected = false;
    // It was connected already when the API server was asked last.
    bool when_asked = false;
    std::string uid;  // of its object; "" until that is known
    // It has connected since the UID was seen last: the machine may be another now, and any object
    // of the name its own.
    bool may_be_another = false;
    // How long the object was seen to be absent; none while it is not.
    std::optional<absl::Duration> absent;
    bool gone = false;
  };

  const absl::Duration forget_after_;
  std::optional<absl::Duration> last_answer_;
  std::map<std::string, Node> nodes_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_NODE_ABSENCE_H_
