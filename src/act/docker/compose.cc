#include "act/docker/compose.h"

#include <algorithm>
#include <utility>

#include "act/docker/backend.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::docker {
namespace {

void add_note(std::string& notes, const std::string& note) {
  if (note.empty()) return;
  if (!notes.empty()) notes += "; ";
  notes += note;
}

}  // namespace

ComposeBackend::ComposeBackend(ComposeService service, Engine& engine, Keep& keep, ComposeOptions options)
    : service_(std::move(service)),
      engine_(engine),
      keep_(keep),
      options_(options),
      name_(service_.project + "/" + service_.service) {}

Result<std::vector<Replica>> ComposeBackend::list(const std::stop_token& stop) {
  const Result<Json> listed = engine_.list({service_.project, service_.service}, stop);
  if (!listed) return fail(listed.error().wrap("list the containers of " + name_));
  return read_replicas(*listed);
}

// An engine that was away may have forgotten whom it was to stop, and started them again: it is asked once more.
const Error& ComposeBackend::away(const Error& error) {
  if (error.kind == ErrorKind::unreachable) stopping_.clear();
  return error;
}

Result<Observed> ComposeBackend::observe(const std::optional<Change>& in_flight, std::stop_token stop) {
  seen_.reset();
  Result<std::vector<Replica>> replicas = list(stop);
  if (!replicas) return fail(away(replicas.error()));
  const auto is_gone = [&](const auto& entry) {
    return std::none_of(replicas->begin(), replicas->end(), [&](const Replica& r) { return r.id == entry.first; });
  };
  std::erase_if(stopping_, is_gone);
  std::erase_if(started_, is_gone);

  Observed observed;
  if (const Status judged = judge(*replicas, in_flight, observed, stop); !judged) return fail(away(judged.error()));
  learn(*replicas, stop);
  const bool we_stop = !stopping_.empty() || (in_flight && in_flight->to < in_flight->from);
  observed.replicas = count(*replicas, we_stop);
  observed.ready = static_cast<int>(
      std::count_if(replicas->begin(), replicas->end(), [](const Replica& r) { return exists(r) && r.ready; }));
  if (known_.limit) {
    observed.replicas_max = known_.limit->replicas_max;
    observed.replicas_max_why = known_.limit->why;
  }
  observed.note = note(*replicas);
  if (observed.replicas == 0 && std::any_of(replicas->begin(), replicas->end(), exists)) {
    add_note(observed.note, "all replicas of " + name_ + " are stopped, so that it counts as scaled to 0");
  }
  seen_ = *std::move(replicas);
  return observed;
}

bool ComposeBackend::is_of(const Change& change, const Replica& replica) const {
  if (replica.action == std::to_string(change.id)) return true;
  const auto found = started_.find(replica.id);
  return found != started_.end() && found->second == change.id;
}

// Which replicas are ready; for those of the action under way also whether there is hope. The list alone tells of all
// that have settled; only the others are looked at one by one.
Status ComposeBackend::judge(std::vector<Replica>& replicas, const std::optional<Change>& in_flight, Observed& observed,
                             const std::stop_token& stop) {
  const bool grows = in_flight && in_flight->to >= in_flight->from;
  std::vector<Replica*> unsettled;
  std::vector<std::string> ids;
  for (Replica& replica : replicas) {
    const bool runs = replica.life == Life::running;
    const bool young = runs && replica.health == Health::none && replica.up_at_least < options_.stable_for;
    replica.ready = runs && !young && (replica.health == Health::none || replica.health == Health::healthy);
    const bool ours = grows && exists(replica) && is_of(*in_flight, replica) && !replica.ready;
    if (!young && !ours) continue;
    unsettled.push_back(&replica);
    ids.push_back(replica.id);
  }
  if (ids.empty()) return {};
  const std::vector<Result<Inspected>> looks = engine_.inspect_all(ids, stop);
  for (std::size_t i = 0; i < looks.size(); ++i) {
    Replica& replica = *unsettled[i];
    if (!looks[i]) {
      if (looks[i].error().kind != ErrorKind::not_found) return fail(looks[i].error().wrap("observe " + name_));
      replica.life = Life::removing;  // it went meanwhile
      continue;
    }
    const Condition condition = read_condition(looks[i]->document);
    replica.ready = is_ready(condition, looks[i]->engine_time, options_.stable_for);
    if (grows && is_of(*in_flight, replica) && !replica.ready && observed.broken.empty()) {
      observed.broken = why_broken(replica.name, condition);
    }
  }
  return {};
}

// Reads what new replicas would be made like, once for as long as that stays the same replica.
void ComposeBackend::learn(const std::vector<Replica>& replicas, const std::stop_token& stop) {
  const Replica* original = best_template(replicas);
  if (original == nullptr) {
    learn_from_saved();
    return;
  }
  if (original->id == known_.template_id) return;
  const Result<Inspected> look = engine_.inspect(original->id, stop);
  if (!look) return;  // the next observation tries again
  known_ = {};
  known_.template_id = original->id;
  known_.name = original->name;
  known_.limit = limit_of(look->document, service_.service);
  known_.note = scaling_note(look->document, service_.service);
  const auto separator = separator_among(replicas, service_.project, service_.service);
  if (!separator) known_.limit = named_limit(service_.service, original->name);
  if (const Status saved = save(look->document, separator, stop); !saved) {
    known_.not_saved = saved.error().message;
    known_.template_id.clear();  // the next observation tries again
  }
}

void ComposeBackend::learn_from_saved() {
  if (std::exchange(looked_at_saved_, true) || !known_.name.empty()) return;
  const auto text = keep_.get(saved_key(service_.project, service_.service));
  const auto saved = text ? saved_from(*text) : std::nullopt;
  if (saved) known_.limit = saved->limit;
}

// Keeps the way back from zero, when it is another than the one that is kept.
Status ComposeBackend::save(const Json& inspect, const std::optional<std::string>& separator,
                            const std::stop_token& stop) {
  Result<Recipe> recipe = recipe_of(inspect, separator);
  if (!recipe) return fail(recipe.error());
  Result<Wanted> wanted = wanted_files(engine_, inspect, service_.copy_paths, stop);
  if (!wanted) return fail(wanted.error());
  known_.copied = std::move(wanted->paths);
  add_note(known_.note, wanted->note);
  auto files = read_files(engine_, inspect, known_.copied, stop);
  if (!files) return fail(files.error());
  const std::string key = saved_key(service_.project, service_.service);
  std::string text = to_text({*std::move(recipe), *std::move(files), known_.limit});
  if (keep_.get(key) == text) return {};
  return keep_.put(key, std::move(text));
}

std::string ComposeBackend::note(const std::vector<Replica>& replicas) const {
  std::string notes;
  for (const Replica& replica : replicas) {
    if (replica.life == Life::paused) add_note(notes, replica.name + " is paused");
  }
  if (are_mixed(replicas)) {
    add_note(notes, "replicas differ in configuration or image: new ones are made like " + known_.name +
                        ", the newest; docker compose up brings the others in line");
  }
  add_note(notes, known_.note);
  if (!known_.not_saved.empty()) {
    add_note(notes, "the way back from 0 replicas could not be kept: " + known_.not_saved);
  }
  return notes;
}

Status ComposeBackend::apply(const Change& change, std::stop_token stop) {
  auto seen = std::exchange(seen_, std::nullopt);
  if (!seen) {
    Result<std::vector<Replica>> listed = list(stop);
    if (!listed) return fail(away(listed.error()));
    seen = *std::move(listed);
  }
  Status moved = change.to < change.from ? shrink(change, *seen, stop) : grow(change, *std::move(seen), stop);
  if (!moved) (void)away(moved.error());
  // The engine's 409 is of one container that it is busy with, and says nothing about the count.
  if (!moved && moved.error().kind == ErrorKind::conflict) moved.error().kind = ErrorKind::busy;
  return moved;
}

Status ComposeBackend::clean_up(const Change& change, std::stop_token stop) {
  const Result<Observed> observed = observe(change, stop);
  if (!observed) return fail(observed.error());
  const std::vector<Replica> replicas = *std::exchange(seen_, std::nullopt);
  std::vector<Replica> broken;
  std::vector<Replica> stopped;
  bool others = false;
  for (const Replica& replica : replicas) {
    const bool goes = is_of(change, replica) && !replica.ready && replica.life != Life::removing;
    const bool ended = stopping_.contains(replica.id) && !is_live(replica);
    if (goes) {
      broken.push_back(replica);
    } else if (ended) {
      stopped.push_back(replica);
    } else if (exists(replica)) {
      others = true;
    }
  }
  // The last container is what new ones are made like: it stays, broken or not.
  if (!others && !broken.empty()) {
    broken.erase(broken.begin());
  } else if (!others && !stopped.empty()) {
    stopped.erase(stopped.begin());
  }
  if (const Status removed = remove(change, broken, true, stop); !removed) return removed;
  return remove(change, stopped, false, stop);
}

Status ComposeBackend::remove(const Change& change, const std::vector<Replica>& victims, bool force,
                              const std::stop_token& stop) {
  if (victims.empty()) return {};
  const std::vector<Status> removed = engine_.remove_all(ids_of(victims), force, stop);
  Status first;
  for (std::size_t i = 0; i < victims.size(); ++i) {
    if (removed[i]) {
      stopping_.erase(victims[i].id);
      log::info("replica.removed", {{"target", change.target.text}, {"container", victims[i].name}, {"force", force}});
    } else if (first) {
      first = fail(removed[i].error().wrap("remove " + victims[i].name));
    }
  }
  return first;
}

std::set<std::string> ComposeBackend::going() const {
  std::set<std::string> ids;
  for (const auto& [id, until] : stopping_) ids.insert(id);
  return ids;
}

std::unique_ptr<Backend> make_compose_backend(ComposeService service, Engine& engine, Keep& keep,
                                              ComposeOptions options) {
  return std::make_unique<ComposeBackend>(std::move(service), engine, keep, options);
}

}  // namespace alertscaler::docker
