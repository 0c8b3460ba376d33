// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_SERVICE_FIXTURE_H_
#define NODEVOL_TEST_SERVICE_SERVICE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "test/service/service_node.h"
#include "test/support/matchers.h"

namespace nodevol::testing {

// A test on one node. However it went, the driver must end well in the end.
class ServiceFixture : public ::testing::Test {
 protected:
  void StartNode(ServiceNode::Options options) {
    ASSERT_OK_AND_ASSIGN(node_, ServiceNode::Create(std::move(options)));
  }
  void TearDown() override {
    if (node_ == nullptr) return;
    EXPECT_OK(node_->Stop());
    node_.reset();
  }

  [[nodiscard]] ServiceNode& node() const { return *node_; }
  [[nodiscard]] VolumeClient& client() const { return node_->client(); }

 private:
  std::unique_ptr<ServiceNode> node_;
};

// The same for each kind of volume and pool.
class GroundFixture : public ServiceFixture, public ::testing::WithParamInterface<Ground> {};

inline std::string GroundName(const ::testing::TestParamInfo<Ground>& info) {
  return info.param.name;
}

#define INSTANTIATE_FOR_GROUNDS(test, ...) \
  INSTANTIATE_TEST_SUITE_P(, test, ::testing::Values(__VA_ARGS__), GroundName)

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_SERVICE_FIXTURE_H_
