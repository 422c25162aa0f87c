// The Compose backend itself; compose.h is its public side.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "act/docker/choose.h"
#include "act/docker/clone.h"
#include "act/docker/compose.h"
#include "act/docker/limits.h"
#include "act/docker/replica.h"
#include "act/docker/saved.h"

namespace alertscaler::docker {

// Calls for one target never overlap, so its members need no lock.
class ComposeBackend final : public Backend {
 public:
  ComposeBackend(ComposeService service, Engine& engine, Keep& keep, ComposeOptions options);

  [[nodiscard]] Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override;
  [[nodiscard]] Status apply(const Change& change, std::stop_token stop) override;
  [[nodiscard]] Status clean_up(const Change& change, std::stop_token stop) override;

 private:
  using Time = std::chrono::steady_clock::time_point;
  // What does not change while the same replica is the one that new ones are made like.
  struct Known {
    std::string template_id;
    std::optional<Limit> limit;
    std::string note;
    std::string not_saved;            // why the way back from zero is not kept
    std::string name;                 // of the template
    std::vector<std::string> copied;  // paths of files to copy
  };
  // What new replicas are made from.
  struct Pattern {
    Recipe recipe;
    std::string image;
    std::vector<CopiedFile> files;
  };

  // observe
  [[nodiscard]] Result<std::vector<Replica>> list(const std::stop_token& stop);
  [[nodiscard]] const Error& away(const Error& error);
  [[nodiscard]] Status judge(std::vector<Replica>& replicas, const std::optional<Change>& in_flight, Observed& observed,
                             const std::stop_token& stop);
  void learn(const std::vector<Replica>& replicas, const std::stop_token& stop);
  void learn_from_saved();
  [[nodiscard]] Status save(const Json& inspect, const std::optional<std::string>& separator,
                            const std::stop_token& stop);
  [[nodiscard]] std::string note(const std::vector<Replica>& replicas) const;
  [[nodiscard]] bool is_of(const Change& change, const Replica& replica) const;

  // apply, up
  [[nodiscard]] Status grow(const Change& change, std::vector<Replica> replicas, const std::stop_token& stop);
  [[nodiscard]] Status start_stopped(const Change& change, const std::vector<Replica>& stopped, Time until,
                                     const std::stop_token& stop);
  [[nodiscard]] Status make(const Change& change, int count, const std::vector<Replica>& replicas, Time until,
                            const std::stop_token& stop);
  [[nodiscard]] Status make_one(const Change& change, const Pattern& pattern, int& number, bool several_endpoints,
                                const std::stop_token& stop);
  [[nodiscard]] Status bring_up(const std::string& id, const Creation& creation, const Pattern& pattern,
                                const std::stop_token& stop);
  [[nodiscard]] Result<Pattern> pattern_of(const Replica& original, const std::vector<Replica>& replicas,
                                           const std::stop_token& stop);
  [[nodiscard]] Result<Pattern> saved_pattern(const std::stop_token& stop);
  [[nodiscard]] Result<std::string> image_for(const Recipe& recipe, const std::stop_token& stop);

  // apply, down
  [[nodiscard]] Status shrink(const Change& change, const std::vector<Replica>& replicas, const std::stop_token& stop);
  [[nodiscard]] Status stop_some(const Change& change, const std::vector<Replica>& running,
                                 std::vector<Replica>& stopped, const std::stop_token& stop);
  [[nodiscard]] Status finish_going(const Change& change, const std::vector<Replica>& replicas,
                                    const std::stop_token& stop);
  [[nodiscard]] Status remove(const Change& change, const std::vector<Replica>& victims, bool force,
                              const std::stop_token& stop);
  [[nodiscard]] std::set<std::string> going() const;

  const ComposeService service_;
  Engine& engine_;
  Keep& keep_;
  const ComposeOptions options_;
  const std::string name_;  // "shop/web", for errors

  std::optional<std::vector<Replica>> seen_;  // by the latest observe, for the call that follows it
  Known known_;
  bool looked_at_saved_ = false;
  std::map<std::string, Time> stopping_;     // id -> when patience ends
  std::map<std::string, ActionId> started_;  // stopped replicas that we started
};

}  // namespace alertscaler::docker
