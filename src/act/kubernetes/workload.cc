#include "act/kubernetes/workload.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <utility>

#include "act/kubernetes/discovery.h"
#include "act/kubernetes/json.h"
#include "act/kubernetes/pods.h"
#include "act/kubernetes/scale.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int tries_max = 5;
constexpr Duration first_wait{20};
// How often pods are looked at that are not ready: they are many, and wait for minutes.
constexpr Duration pods_interval_in_flight = std::chrono::seconds{3};
constexpr Duration pods_interval = std::chrono::seconds{15};

void pause(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, duration, [] { return false; });
}

class WorkloadBackend final : public Backend {
 public:
  WorkloadBackend(KubernetesWorkload workload, ApiServer& server, std::unique_ptr<CountOwner> owner)
      : workload_(std::move(workload)),
        server_(server),
        owner_(std::move(owner)),
        discovery_(server),
        name_(workload_.kind + " " + workload_.name_space + "/" + workload_.name) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override;
  Status apply(const Change& change, std::stop_token stop) override;
  Status clean_up(const Change&, std::stop_token) override { return {}; }

 private:
  // What the API server has of the workload.
  struct Seen {
    std::string path;
    Scale scale;
    Json document;  // the object itself, or its Scale
  };

  Result<Seen> read(const std::stop_token& stop);
  [[nodiscard]] Error explain(const ApiError& error) const;
  Status look_at_pods(const Seen& seen, bool in_flight, Observed& observed, const std::stop_token& stop);
  Status write(const Change& change, const Seen& seen, const std::stop_token& stop);
  Status overtaken(const Change& change, const Scale& now) const;
  [[nodiscard]] ScaledObject object(const Seen& seen) const {
    return {workload_.name_space, workload_.api_version, workload_.kind,
            workload_.name,       seen.scale.uid,        seen.scale.replicas};
  }

  const KubernetesWorkload workload_;
  ApiServer& server_;
  const std::unique_ptr<CountOwner> owner_;
  Discovery discovery_;
  const std::string name_;  // for people: "Deployment demo/web"
  std::optional<Seen> seen_;
  ActionId written_ = 0;  // the last change that was carried out
  std::string waits_;     // what the pods said when they were last looked at
  std::optional<Steady::time_point> pods_seen_at_;
};

Error WorkloadBackend::explain(const ApiError& error) const {
  if (error.code == 404) {
    return {ErrorKind::not_found,
            name_ + " does not exist: create it, or correct namespace, kind and name of the target"};
  }
  if (is_count_unset(error)) {
    return {ErrorKind::refused, name_ + " has no spec.replicas: set it once, with kubectl scale --replicas=1; from " +
                                    "then on it can be scaled"};
  }
  return error.error.wrap("observe " + name_);
}

// Custom objects are read through their scale alone: that is all that is known of them, and the least right to ask for.
Result<WorkloadBackend::Seen> WorkloadBackend::read(const std::stop_token& stop) {
  const bool built_in = is_built_in(workload_);
  for (const bool again : {false, true}) {
    const Result<std::string> path = discovery_.path_of(workload_, stop);
    if (!path) return fail(path.error().wrap("observe " + name_));
    auto answer = server_.get(built_in ? *path : *path + "/scale", stop);
    if (answer && string_at(*answer, "metadata", "uid").empty()) {
      return fail(ErrorKind::unreachable, "observe " + name_ + ": the answer describes no such object");
    }
    if (answer) return Seen{*path, built_in ? scale_of_object(*answer) : scale_of(*answer), *std::move(answer)};
    if (answer.error().code != 404 || built_in || again) return fail(explain(answer.error()));
    discovery_.forget();  // its definition may be another one by now
  }
  return fail(ErrorKind::not_found, name_ + " does not exist");
}

Result<Observed> WorkloadBackend::observe(const std::optional<Change>& in_flight, std::stop_token stop) {
  seen_.reset();
  Result<Seen> read_now = read(stop);
  if (!read_now) return fail(read_now.error());
  const Seen& seen = *read_now;
  Observed observed;
  observed.replicas = seen.scale.replicas;
  observed.ready = std::min(seen.scale.ready, seen.scale.replicas);
  observed.settled = seen.scale.settled;
  if (const std::string by = controller_of(seen.document); !by.empty()) {
    const bool replaced = workload_.kind == "ReplicaSet" || workload_.kind == "ReplicationController";
    if (replaced) {
      observed.blocked =
          Blocked{Reason::not_scalable, name_ + " belongs to " + by + ", which sets its count: make that the target"};
    } else {
      observed.note = name_ + " belongs to " + by + ", which may set another count";
    }
  }
  if (const Status looked = look_at_pods(seen, in_flight.has_value(), observed, stop); !looked) {
    return fail(looked.error());
  }
  if (owner_ && !observed.blocked) {
    Result<Ownership> owned = owner_->observe(object(seen), in_flight, stop);
    if (!owned) return fail(std::move(owned).error().wrap("observe who sets the count of " + name_));
    observed.blocked = std::move(owned->blocked);
    observed.floor = std::move(owned->floor);
    observed.replicas_max = owned->replicas_max;
    observed.replicas_max_why = std::move(owned->replicas_max_why);
    const bool rests = in_flight && observed.floor && observed.waits.empty();
    if (rests) observed.waits = observed.floor->rests;
    if (!owned->note.empty()) observed.note += (observed.note.empty() ? "" : "; ") + owned->note;
  }
  seen_ = *std::move(read_now);
  return observed;
}

// Which pods are ready, of objects that do not say it themselves; and why some are not.
Status WorkloadBackend::look_at_pods(const Seen& seen, bool in_flight, Observed& observed,
                                     const std::stop_token& stop) {
  const bool counts = !is_built_in(workload_) && !seen.scale.selector.empty() && observed.replicas > 0;
  const bool some_wait = observed.ready < observed.replicas;
  if (!counts && !some_wait) {
    waits_.clear();
    pods_seen_at_.reset();
    return {};
  }
  const std::string not_made = why_not_made(seen.document);
  const auto now = Steady::now();
  const Duration interval = in_flight ? pods_interval_in_flight : pods_interval;
  const bool due = counts || !pods_seen_at_ || now - *pods_seen_at_ >= interval;
  if (due && !seen.scale.selector.empty()) {
    pods_seen_at_ = now;
    const auto pods = server_.list(
        "/api/v1/namespaces/" + escape(workload_.name_space) + "/pods?labelSelector=" + escape(seen.scale.selector),
        stop);
    const bool may_not = !pods && pods.error().error.kind == ErrorKind::refused;
    if (!pods && !may_not) return fail(pods.error().error.wrap("observe the pods of " + name_));
    waits_ = may_not ? "why, its pods would say: " + pods.error().error.message : why_not_ready(*pods);
    if (pods && counts) {
      const auto ready = std::count_if(pods->begin(), pods->end(), [](const Json& pod) { return is_ready(pod); });
      observed.ready = static_cast<int>(std::min<std::ptrdiff_t>(ready, observed.replicas));
    }
  }
  if (observed.ready >= observed.replicas) waits_.clear();
  observed.waits = not_made.empty() || observed.ready >= observed.replicas ? waits_ : not_made;
  return {};
}

Status WorkloadBackend::apply(const Change& change, std::stop_token stop) {
  auto seen = std::exchange(seen_, std::nullopt);
  if (!seen) {
    Result<Seen> read_now = read(stop);
    if (!read_now) return fail(read_now.error());
    seen = *std::move(read_now);
  }
  if (owner_) {
    const Result<bool> done = owner_->apply(object(*seen), change, stop);
    if (!done) return fail(done.error());
    if (*done) return {};
  }
  if (seen->scale.replicas == change.to) return {};
  if (seen->scale.replicas != change.from || written_ == change.id) return overtaken(change, seen->scale);
  return write(change, *seen, stop);
}

Status WorkloadBackend::overtaken(const Change& change, const Scale& now) const {
  const std::string count = std::to_string(now.replicas);
  return fail(ErrorKind::conflict, written_ == change.id ? name_ + " was set to " + std::to_string(change.to) +
                                                               ", and then to " + count + " by somebody else"
                                                         : name_ + " was set to " + count + " by somebody else first");
}

// One write that the server carries out only if uid and count are still those that were observed. What its answer does
// not say is read.
Status WorkloadBackend::write(const Change& change, const Seen& seen, const std::stop_token& stop) {
  ApiRequest request;
  request.method = "PATCH";
  request.path = seen.path + "/scale?fieldManager=alertscaler";
  request.body = compare_and_set(seen.scale, change.to);
  request.content_type = "application/json-patch+json";
  const std::string doing = "scale " + name_ + " to " + std::to_string(change.to);
  for (int tries = 1; !stop.stop_requested(); ++tries) {
    const auto answer = server_.send(request, stop);
    if (answer) {
      written_ = change.id;
      return {};
    }
    const ApiError& error = answer.error();
    const bool is_open = error.maybe_done || error.code == 404 || error.code == 409 || error.code == 422;
    if (!is_open) return fail(error.error.wrap(doing));
    const Result<Seen> now = read(stop);
    if (!now && now.error().kind != ErrorKind::not_found) return fail(now.error().wrap(doing));
    if (!now) return fail(ErrorKind::conflict, name_ + " was deleted meanwhile");
    if (now->scale.uid != seen.scale.uid) return fail(ErrorKind::conflict, name_ + " was made anew meanwhile");
    // Ours, or somebody's who wanted the same.
    if (now->scale.replicas == change.to) {
      written_ = change.id;
      return {};
    }
    if (now->scale.replicas != seen.scale.replicas) return overtaken(change, now->scale);
    // Nobody is to be seen who was in the way; of a 422 only one without causes is a test that did not hold.
    const bool was_in_the_way = error.code == 409 || (error.code == 422 && error.causes.empty());
    if (!was_in_the_way) {
      Error told = error.error.wrap(doing);
      if (!error.maybe_done) told.kind = ErrorKind::refused;
      return fail(std::move(told));
    }
    if (tries >= tries_max) return fail(ErrorKind::busy, error.error.wrap(doing).message);
    pause(first_wait * tries, stop);
  }
  return fail(ErrorKind::cancelled, doing + ": the program is stopping");
}

}  // namespace

std::unique_ptr<Backend> make_workload_backend(KubernetesWorkload workload, ApiServer& server,
                                               std::unique_ptr<CountOwner> owner) {
  return std::make_unique<WorkloadBackend>(std::move(workload), server, std::move(owner));
}

}  // namespace alertscaler::kubernetes
