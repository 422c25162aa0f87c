#include "act/simulated.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace alertscaler {
namespace {

class SimulatedBackend final : public Backend {
 public:
  SimulatedBackend(const TargetName& target, const Simulated& settings, Keep& keep, const Clock& clock)
      : key_("simulated/" + target.text), settings_(settings), keep_(keep), clock_(clock) {}

  Result<Observed> observe(const std::optional<Change>&, std::stop_token) override {
    const Fleet fleet = load();
    Observed observed;
    observed.replicas = fleet.replicas;
    const bool starting = clock_.now() < fleet.ready_at;
    observed.ready = starting ? std::min(fleet.ready, fleet.replicas) : fleet.replicas;
    return observed;
  }

  Status apply(const Change& change, std::stop_token) override {
    const Fleet before = load();
    if (before.replicas == change.to) return {};
    Fleet after;
    after.replicas = change.to;
    const bool starting = clock_.now() < before.ready_at;
    after.ready = std::min(starting ? before.ready : before.replicas, change.to);
    after.ready_at = clock_.now() + (change.to > before.replicas ? settings_.startup_delay : Duration{0});
    return save(after);
  }

  Status clean_up(const Change&, std::stop_token) override { return {}; }

 private:
  struct Fleet {
    int replicas = 0;
    int ready = 0;     // of them, while the others start
    Instant ready_at;  // when all are
  };

  [[nodiscard]] Fleet load() const {
    Fleet fleet{settings_.replicas, settings_.replicas, Instant{}};
    const auto kept = keep_.get(key_);
    if (!kept) return fleet;
    const auto json = nlohmann::json::parse(*kept, nullptr, false);
    if (!json.is_object()) return fleet;
    fleet.replicas = json.value("replicas", fleet.replicas);
    fleet.ready = json.value("ready", fleet.replicas);
    fleet.ready_at = Instant{Duration{json.value("ready_at_ms", std::int64_t{0})}};
    return fleet;
  }

  [[nodiscard]] Status save(const Fleet& fleet) {
    const nlohmann::json json{{"replicas", fleet.replicas},
                              {"ready", fleet.ready},
                              {"ready_at_ms", fleet.ready_at.time_since_epoch().count()}};
    return keep_.put(key_, json.dump());
  }

  const std::string key_;
  const Simulated settings_;
  Keep& keep_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Backend> make_simulated(const TargetName& target, const Simulated& settings, Keep& keep,
                                        const Clock& clock) {
  return std::make_unique<SimulatedBackend>(target, settings, keep, clock);
}

}  // namespace alertscaler
