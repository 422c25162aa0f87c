// The pool itself; pool.h is its public side.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "act/kubernetes/permissions.h"
#include "act/node_pool/creation.h"
#include "act/node_pool/member.h"
#include "act/node_pool/pool.h"
#include "act/node_pool/victim.h"

namespace alertscaler::node_pool {

// Calls for one target never overlap, so its members need no lock.
class PoolBackend final : public Backend, public NodeBackend {
 public:
  PoolBackend(Settings settings, Access access);

  // The count.
  [[nodiscard]] Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override;
  [[nodiscard]] Status apply(const Change& change, std::stop_token stop) override;
  [[nodiscard]] Status clean_up(const Change& change, std::stop_token stop) override;
  [[nodiscard]] Status tidy(std::stop_token stop) override;
  [[nodiscard]] Status leave(std::stop_token stop) override;
  using Backend::announce;

  // One node.
  [[nodiscard]] Result<std::vector<ObservedNode>> observe(std::stop_token stop) override;
  [[nodiscard]] std::optional<Blocked> blocked(std::stop_token stop) override;
  [[nodiscard]] Result<DrainProgress> drain(const std::string& node, const DrainPolicy& policy,
                                            std::stop_token stop) override;
  [[nodiscard]] Result<DrainProgress> rehearse(const std::string& node, const DrainPolicy& policy,
                                               std::stop_token stop) override;
  [[nodiscard]] Status uncordon(const std::string& node, std::stop_token stop) override;
  [[nodiscard]] Status let_go(const std::string& node, std::stop_token stop) override;
  void announce(const std::string& node, const HistoryEntry& entry) override;

 private:
  // What is noticed of a container over time; forgotten by a restart, which costs time alone.
  struct Noticed {
    Instant since;        // it was first seen
    Instant alone_since;  // it was last a node, or first seen
    std::optional<Instant> log_read{};
    std::string log{};
    std::optional<Instant> stop_since{};    // it was asked to stop
    std::optional<Instant> cordon_since{};  // its node was first drained so that it can go
    bool was_ready = false;
    // What was last said against removing it, and until when it is not asked again.
    struct Refusal {
      Instant until;
      std::string why;
      bool passes = false;  // by itself
    };
    std::optional<Refusal> refusal{};
  };

  // observe
  [[nodiscard]] Result<Pool> look(const std::stop_token& stop);
  [[nodiscard]] Status learn_cluster(const std::stop_token& stop);
  void notice(Pool& pool);
  [[nodiscard]] Result<Pool> seen(const std::stop_token& stop);  // by the latest observe(), or looked at now
  [[nodiscard]] std::string why_not_ready(const Member& member, const std::stop_token& stop);
  [[nodiscard]] std::string why_broken(const Member& member, const std::stop_token& stop);
  [[nodiscard]] std::string with_log(const std::string& why, const Member& member, const std::stop_token& stop);
  [[nodiscard]] std::string note_of(const Pool& pool);

  // making
  [[nodiscard]] Status grow(const Change& change, const Pool& pool, const std::stop_token& stop);
  [[nodiscard]] Result<std::string> make(ActionId action, const std::string& replaces, const Pool& pool,
                                         const std::stop_token& stop);
  [[nodiscard]] Result<std::string> make_as(int index, const Purpose& purpose, const std::stop_token& stop);
  [[nodiscard]] std::string keep_key() const { return "pool/" + settings_.nodes.name_prefix; }
  [[nodiscard]] Result<int> next_index(const Pool& pool);

  // removing
  [[nodiscard]] Status shrink(const Change& change, const Pool& pool, const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<const Member*>> choose(const Pool& pool, std::size_t at_most,
                                                          const std::stop_token& stop);
  // What stands against the removal of one that works; empty: nothing. An answer is good for a while.
  [[nodiscard]] Result<std::string> objection_to(const Candidate& candidate, const std::stop_token& stop);
  [[nodiscard]] const Noticed::Refusal* fresh_refusal(const Member& member);
  void put_off(const Member& member, std::string why, bool passes);
  [[nodiscard]] Result<Json> pods_on(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status begin_removal(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status move_on(const Member& member, const std::stop_token& stop);
  // One move of the drain of what is to go. `empty` only when it has been so for a while.
  [[nodiscard]] Result<DrainProgress> drain_out(const Member& member, const DrainPolicy& policy,
                                                const std::stop_token& stop);
  [[nodiscard]] Result<bool> finish(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Result<bool> stop_container(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status remove_container(const Member& member, bool force, const std::stop_token& stop);
  [[nodiscard]] Status destroy(const Member& member, const std::stop_token& stop);
  // The same of what should have become one within a time. A node that does have work is left.
  [[nodiscard]] Status destroy_unless_used(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status end_at_once(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status delete_node(const ClusterNode& node, const std::stop_token& stop);
  [[nodiscard]] Status keep_after_all(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status set_mark(const std::string& node, std::string_view annotation, bool on,
                                const std::stop_token& stop);

  // putting in order
  [[nodiscard]] Status sweep(const Pool& pool, std::string_view in_flight, const std::stop_token& stop);
  [[nodiscard]] Status sweep_strays(const Pool& pool, const std::stop_token& stop);
  [[nodiscard]] Status retire_surplus(const Pool& pool, const std::stop_token& stop);
  [[nodiscard]] bool is_wanted_again(const Member& member, const Pool& pool);
  [[nodiscard]] Status retire(const Member& member, const std::stop_token& stop);
  [[nodiscard]] Status mark_members(const Pool& pool, const std::stop_token& stop);

  // one node
  [[nodiscard]] Result<DrainProgress> replace(const Member& member, const Pool& pool, const DrainPolicy& policy,
                                              const std::stop_token& stop);
  [[nodiscard]] Result<DrainProgress> await_replacement(const Member& member, const Pool& pool,
                                                        const std::stop_token& stop);

  [[nodiscard]] Noticed& noticed(const Member& member);
  [[nodiscard]] Status doubted(Status status);
  void tell(const std::string& node, bool warning, const char* reason, std::string text);
  [[nodiscard]] std::string shown() const { return "the pool " + settings_.target.text; }

  const Settings settings_;
  const std::string mark_;  // the value of our annotations
  docker::Engine& engine_;
  kubernetes::ApiServer& server_;
  Keep& keep_;
  kubernetes::Events* const events_;  // null: none
  const Clock& clock_;
  const std::unique_ptr<NodeBackend> drains_;
  kubernetes::Permissions permissions_;

  std::optional<std::string> cluster_;              // empty: it may not be known
  std::optional<Pool> seen_;                        // for the call that follows the observation
  std::map<std::string, Noticed> noticed_;          // by id
  std::map<std::string, std::string> drain_waits_;  // by node, of those that are leaving
  std::string held_up_;                             // why a scale-down takes no node now
  std::string last_note_;
};

}  // namespace alertscaler::node_pool
