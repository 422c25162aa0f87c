#include "config/policy.h"

namespace alertscaler::config {
namespace {

void read_min(const Value& value, PolicyDraft& draft) {
  if (value.read(draft.policy.min)) {
    draft.min_at = value.at();
  } else {
    draft.bounds_known = false;
  }
}

void read_max(const Value& value, PolicyDraft& draft) {
  if (value.read(draft.policy.max, {.least = 1})) {
    draft.max_at = value.at();
  } else {
    draft.bounds_known = false;
  }
}

void read_up(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Field<Policy>, 2> fields = {{
      {"step", [](const Value& v, Policy& p) { v.read(p.up_step); },
       "How many replicas one step adds: 2, or 50% of those that there are, rounded up"},
      {"cooldown", [](const Value& v, Policy& p) { v.read(p.up_cooldown, AtLeast::zero); },
       "From the end of a scale-up to the next one"},
  }};
  MapReader map(value, "a map such as {step: 2, cooldown: 30s}");
  map.take(fields, draft.policy);
  map.finish();
}

void read_down(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Field<Policy>, 3> fields = {{
      {"step", [](const Value& v, Policy& p) { v.read(p.down_step); },
       "How many replicas one step takes away: 1, or 25% of those that there are, rounded up"},
      {"cooldown", [](const Value& v, Policy& p) { v.read(p.down_cooldown, AtLeast::zero); },
       "From the end of the last change, in either direction, to the next scale-down"},
      {"stabilization", [](const Value& v, Policy& p) { v.read(p.down_stabilization, AtLeast::zero); },
       "How long a down alert must have fired without a break before anything is taken away"},
  }};
  MapReader map(value, "a map such as {step: 1, cooldown: 5m, stabilization: 2m}");
  map.take(fields, draft.policy);
  map.finish();
}

// Saying `stay` means that nothing comes back, not even what a drain took; by itself a drain restores.
void read_on_resolve(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Choice<OnResolve>, 3> choices = {
      {{"stay", OnResolve::stay}, {"restore", OnResolve::restore}, {"min", OnResolve::min}}};
  Policy& policy = draft.policy;
  if (!value.read_choice<OnResolve>(policy.on_resolve, choices)) return;
  policy.drain_on_resolve = policy.on_resolve == OnResolve::stay ? OnResolve::stay : OnResolve::restore;
}

void read_repeat(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Choice<Repeat>, 2> choices = {
      {{"while_firing", Repeat::while_firing}, {"once", Repeat::once}}};
  value.read_choice<Repeat>(draft.policy.repeat, choices);
}

void read_drain(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Choice<DrainFailure>, 2> on_failure = {
      {{"leave", DrainFailure::leave}, {"uncordon", DrainFailure::uncordon}}};
  static constexpr std::array<Field<DrainPolicy>, 7> fields = {{
      {"timeout", [](const Value& v, DrainPolicy& d) { v.read(d.timeout, AtLeast::one); },
       "Until everything that has to leave a node has left; then the drain has failed, and is tried again later"},
      {"grace_period", [](const Value& v, DrainPolicy& d) { v.read(d.grace_period, AtLeast::one); },
       "How long each pod gets to end; left out: what the pod itself says"},
      {"max_unavailable", [](const Value& v, DrainPolicy& d) { v.read(d.max_unavailable); },
       "How many of the target's nodes may be drained or draining at once: 2, or 25%"},
      {"delete_emptydir_data", [](const Value& v, DrainPolicy& d) { v.read(d.delete_emptydir_data); },
       "Drain also where pods keep data in an emptyDir, which is lost"},
      {"force", [](const Value& v, DrainPolicy& d) { v.read(d.force); },
       "Drain also where pods have no controller that would bring them back"},
      {"on_failure", [](const Value& v, DrainPolicy& d) { v.read_choice<DrainFailure>(d.on_failure, on_failure); },
       "After a drain that failed: leave the node cordoned, or uncordon it until the next try"},
      {"replace", [](const Value& v, DrainPolicy& d) { v.read(d.replace); },
       "Of docker_nodes: make another node first, then drain this one, and remove it for good"},
  }};
  MapReader map(value, "a map such as {timeout: 15m, max_unavailable: 1}");
  map.take(fields, draft.policy.drain);
  map.finish();
}

constexpr std::array<Field<PolicyDraft>, 9> policy_fields = {{
    {"min", read_min, "Alerts never scale below; 0 allows scaling to zero"},
    {"max", read_max, "Alerts never scale above; at least min"},
    {"up", read_up, "How it is scaled up"},
    {"down", read_down, "How it is scaled down"},
    {"on_resolve", read_on_resolve,
     "When the alerts have ended: stay, restore the count from before, or go down to min step by step"},
    {"repeat", read_repeat, "Another step after every cooldown while the alert fires, or once per firing"},
    {"drain", read_drain, "How nodes are drained"},
    {"timeout", [](const Value& v, PolicyDraft& d) { v.read(d.policy.timeout, AtLeast::one); },
     "How long one change may take until all its replicas are running and healthy"},
    {"dry_run", [](const Value& v, PolicyDraft& d) { v.read(d.policy.dry_run); },
     "Decide and record, and change nothing"},
}};

}  // namespace

void read_policy(MapReader& map, PolicyDraft& draft) {
  map.take(policy_fields, draft);
}

}  // namespace alertscaler::config
