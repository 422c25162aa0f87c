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
      {"step", [](const Value& v, Policy& p) { v.read(p.up_step); }},
      {"cooldown", [](const Value& v, Policy& p) { v.read(p.up_cooldown, AtLeast::zero); }},
  }};
  MapReader map(value, "a map such as {step: 2, cooldown: 30s}");
  map.take(fields, draft.policy);
  map.finish();
}

void read_down(const Value& value, PolicyDraft& draft) {
  static constexpr std::array<Field<Policy>, 3> fields = {{
      {"step", [](const Value& v, Policy& p) { v.read(p.down_step); }},
      {"cooldown", [](const Value& v, Policy& p) { v.read(p.down_cooldown, AtLeast::zero); }},
      {"stabilization", [](const Value& v, Policy& p) { v.read(p.down_stabilization, AtLeast::zero); }},
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
  static constexpr std::array<Field<DrainPolicy>, 6> fields = {{
      {"timeout", [](const Value& v, DrainPolicy& d) { v.read(d.timeout, AtLeast::one); }},
      {"grace_period", [](const Value& v, DrainPolicy& d) { v.read(d.grace_period.emplace(), AtLeast::one); }},
      {"max_unavailable", [](const Value& v, DrainPolicy& d) { v.read(d.max_unavailable); }},
      {"delete_emptydir_data", [](const Value& v, DrainPolicy& d) { v.read(d.delete_emptydir_data); }},
      {"force", [](const Value& v, DrainPolicy& d) { v.read(d.force); }},
      {"on_failure", [](const Value& v, DrainPolicy& d) { v.read_choice<DrainFailure>(d.on_failure, on_failure); }},
  }};
  MapReader map(value, "a map such as {timeout: 15m, max_unavailable: 1}");
  map.take(fields, draft.policy.drain);
  map.finish();
}

constexpr std::array<Field<PolicyDraft>, 9> policy_fields = {{
    {"min", read_min},
    {"max", read_max},
    {"up", read_up},
    {"down", read_down},
    {"on_resolve", read_on_resolve},
    {"repeat", read_repeat},
    {"drain", read_drain},
    {"timeout", [](const Value& v, PolicyDraft& d) { v.read(d.policy.timeout, AtLeast::one); }},
    {"dry_run", [](const Value& v, PolicyDraft& d) { v.read(d.policy.dry_run); }},
}};

constexpr std::array<std::string_view, 1> later_fields = {"hpa"};

}  // namespace

void read_policy(MapReader& map, PolicyDraft& draft) {
  map.take(policy_fields, draft);
  map.refuse_later(later_fields);
}

}  // namespace alertscaler::config
