#include "act/kubernetes/attended.h"

#include <optional>
#include <utility>
#include <vector>

#include "act/kubernetes/announce.h"
#include "act/kubernetes/discovery.h"
#include "act/kubernetes/permissions.h"

namespace alertscaler::kubernetes {
namespace {

const std::string lead = "the API server does not allow us all that this takes; ";

class AttendedWorkload final : public Backend {
 public:
  AttendedWorkload(std::unique_ptr<Backend> inner, KubernetesWorkload workload, const Attendance& with,
                   const CountOwner* owner)
      : inner_(std::move(inner)),
        workload_(std::move(workload)),
        events_(with.events),
        discovery_(with.server),
        owner_(owner),
        needed_(with.server, {}, with.clock),
        needed_of_owner_(with.server, {}, with.clock),
        wished_(with.server, {}, with.clock) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override {
    find_needs(stop);
    const std::optional<std::string> missing = needed_.missing(stop);
    auto observed = inner_->observe(in_flight, stop);
    if (!observed && observed.error().kind == ErrorKind::refused) {
      needed_.doubt();
      if (missing) return fail(ErrorKind::refused, lead + *missing);
    }
    if (!observed) return observed;
    if (missing && !observed->blocked) observed->blocked = Blocked{Reason::not_scalable, lead + *missing};
    if (const auto of_owner = missing_of_owner(stop); of_owner && !observed->blocked) {
      observed->blocked = Blocked{Reason::not_scalable, lead + *of_owner};
    }
    if (const auto wished = wished_.missing(stop); wished && !missing) {
      observed->note +=
          (observed->note.empty() ? "" : "; ") + ("not needed to scale, but for what it tells: " + *wished);
    }
    return observed;
  }

  Status apply(const Change& change, std::stop_token stop) override {
    Status applied = inner_->apply(change, std::move(stop));
    if (!applied && applied.error().kind == ErrorKind::refused) {
      needed_.doubt();
      needed_of_owner_.doubt();
    }
    return applied;
  }

  Status clean_up(const Change& change, std::stop_token stop) override {
    return inner_->clean_up(change, std::move(stop));
  }

  void announce(const HistoryEntry& entry) override { tell(note_of(entry)); }
  void announce(const Decision& decision) override { tell(note_of(decision)); }

 private:
  // What this takes depends on the path, which for some kinds only the API server knows.
  void find_needs(const std::stop_token& stop) {
    const Result<std::string> path = discovery_.path_of(workload_, stop);
    if (!path) {
      discovery_.forget();
      return;  // the backend itself says why
    }
    const std::string scale = *path + "/scale";
    const std::string& space = workload_.name_space;
    subject_path_ = is_built_in(workload_) ? *path : scale;
    std::vector<Right> needed;
    for (const auto& right : {right_for("GET", subject_path_), right_for("PATCH", scale)}) {
      if (right) needed.push_back(*right);
    }
    needed_.need(std::move(needed));
    wished_.need({{space, "", "pods", "", "", "list"},
                  {space, "events.k8s.io", "events", "", "", "create"},
                  {space, "events.k8s.io", "events", "", "", "patch"}});
  }

  // Which autoscaler's floor is moved, only an observation knows.
  [[nodiscard]] std::optional<std::string> missing_of_owner(const std::stop_token& stop) {
    const std::string path = owner_ == nullptr ? "" : owner_->writes_to();
    if (path.empty()) return std::nullopt;
    std::vector<Right> needed;
    for (const char* method : {"GET", "PATCH"}) {
      if (const auto right = right_for(method, path)) needed.push_back(*right);
    }
    needed_of_owner_.need(std::move(needed));
    return needed_of_owner_.missing(stop);
  }

  void tell(std::optional<EventNote> note) {
    if (!note || subject_path_.empty()) return;
    events_.tell({workload_.api_version, workload_.kind, workload_.name_space, workload_.name, subject_path_},
                 *std::move(note));
  }

  const std::unique_ptr<Backend> inner_;
  const KubernetesWorkload workload_;
  Events& events_;
  Discovery discovery_;
  const CountOwner* const owner_;  // of inner_; null: none
  Permissions needed_;
  Permissions needed_of_owner_;
  Permissions wished_;        // that it can do without
  std::string subject_path_;  // empty until it was found
};

std::vector<Right> rights_of_nodes() {
  return {{"", "", "nodes", "", "", "get"},         {"", "", "nodes", "", "", "list"},
          {"", "", "nodes", "", "", "patch"},       {"", "", "pods", "", "", "get"},
          {"", "", "pods", "", "", "list"},         {"", "", "pods", "eviction", "", "create"},
          {"", "apps", "daemonsets", "", "", "get"}};
}

class AttendedNodes final : public NodeBackend {
 public:
  AttendedNodes(std::unique_ptr<NodeBackend> inner, const Attendance& with)
      : inner_(std::move(inner)), permissions_(with.server, rights_of_nodes(), with.clock) {}

  Result<std::vector<ObservedNode>> observe(std::stop_token stop) override {
    auto observed = doubted(inner_->observe(stop));
    if (observed || observed.error().kind != ErrorKind::refused) return observed;
    if (const auto missing = permissions_.missing(stop)) return fail(ErrorKind::refused, lead + *missing);
    return observed;
  }
  std::optional<Blocked> blocked(std::stop_token stop) override {
    const auto missing = permissions_.missing(stop);
    return missing ? std::optional(Blocked{Reason::not_scalable, lead + *missing}) : std::nullopt;
  }
  Result<DrainProgress> drain(const std::string& node, const DrainPolicy& policy, std::stop_token stop) override {
    return doubted(inner_->drain(node, policy, std::move(stop)));
  }
  Result<DrainProgress> rehearse(const std::string& node, const DrainPolicy& policy, std::stop_token stop) override {
    return inner_->rehearse(node, policy, std::move(stop));
  }
  Status uncordon(const std::string& node, std::stop_token stop) override {
    return doubted(inner_->uncordon(node, std::move(stop)));
  }

  Status let_go(const std::string& node, std::stop_token stop) override {
    return doubted(inner_->let_go(node, std::move(stop)));
  }

  void announce(const std::string& node, const HistoryEntry& entry) override { inner_->announce(node, entry); }

 private:
  template <class T>
  T doubted(T result) {
    if (!result && result.error().kind == ErrorKind::refused) permissions_.doubt();
    return result;
  }

  const std::unique_ptr<NodeBackend> inner_;
  Permissions permissions_;
};

}  // namespace

std::unique_ptr<Backend> attended(std::unique_ptr<Backend> inner, KubernetesWorkload workload, const Attendance& with,
                                  const CountOwner* owner) {
  return std::make_unique<AttendedWorkload>(std::move(inner), std::move(workload), with, owner);
}

std::unique_ptr<NodeBackend> attended(std::unique_ptr<NodeBackend> inner, const Attendance& with) {
  return std::make_unique<AttendedNodes>(std::move(inner), with);
}

}  // namespace alertscaler::kubernetes
