#include "act/docker/swarm.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "act/docker/json.h"
#include "act/docker/swarm_service.h"

namespace alertscaler::docker {
namespace {

constexpr int tries_max = 5;  // each lost to somebody who changed something other than the count

class SwarmBackend final : public Backend {
 public:
  SwarmBackend(SwarmService service, Engine& engine) : service_(std::move(service)), engine_(engine) {}

  Result<Observed> observe(const std::optional<Change>& in_flight, std::stop_token stop) override {
    seen_.reset();
    Result<ServiceState> service = read(stop);
    if (!service) return fail(service.error());
    Result<TaskCount> tasks = count(*service, stop);
    if (!tasks) return fail(tasks.error());

    Observed observed;
    // What has no count is not one that somebody has scaled to 0.
    observed.replicas = service->fixed.empty() ? service->replicas : std::max(1, tasks->ready);
    observed.ready = std::min(tasks->ready, observed.replicas);
    const bool shrinks = in_flight && in_flight->to < in_flight->from;
    // An action of ours does not wait for a rolling update; without one its end is looked out for.
    observed.settled = in_flight ? !shrinks || tasks->leaving == 0 : service->updating.empty();
    if (observed.ready < observed.replicas) observed.waits = std::move(tasks->waits);
    const std::string& why = service->fixed.empty() ? service->updating : service->fixed;
    if (!why.empty()) observed.blocked = Blocked{Reason::not_scalable, why, service->fixed.empty() && !service->paused};
    seen_ = *std::move(service);
    return observed;
  }

  Status apply(const Change& change, std::stop_token stop) override {
    auto service = std::exchange(seen_, std::nullopt);
    for (int tries = 0; tries < tries_max; ++tries) {
      if (stop.stop_requested()) return fail(ErrorKind::cancelled, "stop was requested");
      if (!service) {
        Result<ServiceState> fresh = read(stop);
        if (!fresh) return fail(fresh.error());
        service = *std::move(fresh);
      }
      if (!service->fixed.empty()) return fail(ErrorKind::refused, service->fixed);
      if (service->replicas == change.to) {
        written_ = change.id;
        return {};
      }
      if (service->replicas != change.from || written_ == change.id) return overtaken(change, service->replicas);
      if (!service->updating.empty()) return fail(ErrorKind::busy, service->updating);
      const Status done =
          engine_.update_service(service->id, service->version, with_replicas(service->spec, change.to), stop);
      if (done) {
        written_ = change.id;
        return {};
      }
      // Somebody was quicker, or the answer was lost: what is there now says it.
      const ErrorKind kind = done.error().kind;
      if (kind != ErrorKind::conflict && kind != ErrorKind::unreachable) return fail(done.error().wrap(doing(change)));
      if (kind == ErrorKind::unreachable && tries > 0) return fail(done.error().wrap(doing(change)));
      service.reset();
    }
    return fail(ErrorKind::busy, doing(change) + ": others change the service all the time");
  }

  // The Swarm goes on trying by itself, and takes away what it made for a count that is taken back.
  Status clean_up(const Change&, std::stop_token) override { return {}; }

 private:
  [[nodiscard]] Result<ServiceState> read(const std::stop_token& stop) const {
    const Result<Json> document = engine_.service(service_.service, stop);
    if (!document) {
      if (document.error().kind == ErrorKind::not_found) return fail(none());
      return fail(document.error().wrap("observe the service " + service_.service));
    }
    ServiceState state = read_service(*document);
    // The engine takes the beginning of an id as well; that would be another service.
    if (state.name != service_.service && state.id != service_.service) return fail(none());
    return state;
  }

  [[nodiscard]] Error none() const {
    return {ErrorKind::not_found,
            "there is no service " + service_.service + " in the swarm: docker service ls shows those that there are"};
  }

  [[nodiscard]] Result<TaskCount> count(const ServiceState& service, const std::stop_token& stop) const {
    const std::string doing = "observe the tasks of " + service.name;
    const Result<Json> tasks = engine_.tasks_of_service(service.id, stop);
    if (!tasks) return fail(tasks.error().wrap(doing));
    TaskCount counted = count_tasks(*tasks, service.name, {});
    if (counted.leaving == 0) return counted;
    const Result<Json> nodes = engine_.nodes(stop);
    if (!nodes && nodes.error().kind != ErrorKind::refused) return fail(nodes.error().wrap(doing));
    return nodes ? count_tasks(*tasks, service.name, nodes_down(*nodes)) : counted;
  }

  [[nodiscard]] std::string doing(const Change& change) const {
    return "scale the service " + service_.service + " to " + std::to_string(change.to);
  }

  [[nodiscard]] Status overtaken(const Change& change, int now) const {
    const std::string count = std::to_string(now);
    return fail(ErrorKind::conflict,
                written_ == change.id
                    ? "the service " + service_.service + " was set to " + std::to_string(change.to) +
                          ", and then to " + count + " by somebody else"
                    : "the service " + service_.service + " was set to " + count + " by somebody else first");
  }

  const SwarmService service_;
  Engine& engine_;
  std::optional<ServiceState> seen_;  // by the latest observe, for the call that follows it
  ActionId written_ = 0;              // the last change that was carried out
};

}  // namespace

std::unique_ptr<Backend> make_swarm_backend(SwarmService service, Engine& engine) {
  return std::make_unique<SwarmBackend>(std::move(service), engine);
}

}  // namespace alertscaler::docker
