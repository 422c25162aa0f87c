// A story of a pool: a target that is both a number of replicas and nodes, on a manual clock.
#pragma once

#include "support/fake_pool.h"
#include "support/node_timeline.h"

namespace alertscaler::test {

class PoolTimeline : public NodeTimeline {
 public:
  explicit PoolTimeline(Policy policy = pool_policy(), int count = 3) : NodeTimeline(std::move(policy), {}) {
    for (int i = 0; i < count; ++i) pool_.make(clock());
    pool_.order.clear();
    NodeTimeline::restart();
  }

  static Policy pool_policy() {
    Policy policy;
    policy.min = 1;
    policy.max = 6;
    policy.up_cooldown = policy.down_cooldown = Duration{0};
    policy.timeout = std::chrono::minutes{2};
    policy.drain.timeout = std::chrono::minutes{10};
    policy.removal_timeout = std::chrono::minutes{11};
    return policy;
  }

  FakePool& pool() { return pool_; }
  FakePool::Node& node_of(const std::string& name) { return pool_.nodes.at(name); }

 protected:
  control::Hands hands() override {
    return {std::make_shared<FakePoolCount>(pool_, clock()), std::make_shared<FakePoolNodes>(pool_, clock())};
  }
  [[nodiscard]] BackendRef reference() const override {
    return DockerNodes{.image = "node:1", .name_prefix = "p-", .networks = {}};
  }

 private:
  FakePool pool_;
};

}  // namespace alertscaler::test
