// Scaling up: starts what is stopped, then makes what is missing like the best replica, or like the last one there was.
#include <algorithm>
#include <utility>

#include "act/docker/backend.h"
#include "base/crash_point.h"
#include "base/log.h"

namespace alertscaler::docker {
namespace {

constexpr int names_tried_max = 20;

// At a start or a creation the engine's 409 says nothing that a second look would change.
Error final_refusal(Error error) {
  if (error.kind == ErrorKind::conflict || error.kind == ErrorKind::busy) error.kind = ErrorKind::refused;
  return error;
}

// The engine may carry it out all the same, or cannot be asked to undo it.
bool is_out_of_reach(const Error& error) {
  return error.kind == ErrorKind::unreachable || error.kind == ErrorKind::cancelled;
}

bool is_name_taken(const Error& error) {
  return error.kind == ErrorKind::conflict && error.message.find("already in use") != std::string::npos;
}

}  // namespace

Status ComposeBackend::grow(const Change& change, std::vector<Replica> replicas, const std::stop_token& stop) {
  const Time until = std::chrono::steady_clock::now() + options_.making_for;
  if (const Status gone = finish_going(change, replicas, stop); !gone) return gone;
  const Steps steps = steps_to(replicas, change.to, going());
  if (steps.start.empty() && steps.create == 0) return {};
  for (const Replica& kept : steps.kept) {
    if (kept.life != Life::paused) continue;
    return fail(ErrorKind::refused, kept.name + " is paused: unpause it with docker unpause " + kept.name);
  }
  if (steps.create > 0 && known_.limit && change.to > known_.limit->replicas_max) {
    return fail(ErrorKind::refused, known_.limit->why);
  }
  if (const Status started = start_stopped(change, steps.start, until, stop); !started) return started;
  if (steps.create == 0) return {};
  // What an unfinished action left may lack networks or files: making it anew is sure, and keeps its number.
  if (const Status cleared = remove(change, steps.junk, true, stop); !cleared) return cleared;
  std::erase_if(replicas, [&](const Replica& replica) {
    return std::any_of(steps.junk.begin(), steps.junk.end(),
                       [&](const Replica& junk) { return junk.id == replica.id; });
  });
  return make(change, steps.create, replicas, until, stop);
}

Status ComposeBackend::start_stopped(const Change& change, const std::vector<Replica>& stopped, Time until,
                                     const std::stop_token& stop) {
  for (const Replica& replica : stopped) {
    if (std::chrono::steady_clock::now() >= until) return {};
    started_[replica.id] = change.id;
    if (const Status started = engine_.start(replica.id, stop); !started) {
      return fail(final_refusal(started.error()).wrap("start " + replica.name));
    }
    log::info("replica.started", {{"target", change.target.text}, {"container", replica.name}});
  }
  return {};
}

Status ComposeBackend::make(const Change& change, int count, const std::vector<Replica>& replicas, Time until,
                            const std::stop_token& stop) {
  const Replica* original = best_template(replicas);
  const Result<Pattern> pattern = original != nullptr ? pattern_of(*original, replicas, stop) : saved_pattern(stop);
  if (!pattern) return fail(pattern.error());
  const auto minor = engine_.api_minor(stop);
  if (!minor) return fail(minor.error());
  constexpr int several_endpoints_since = 44;
  int number = next_number(replicas);
  for (int made = 0; made < count && (made == 0 || std::chrono::steady_clock::now() < until); ++made) {
    const bool several_endpoints = *minor && **minor >= several_endpoints_since;
    if (const Status done = make_one(change, *pattern, number, several_endpoints, stop); !done) return done;
    ++number;
  }
  return {};
}

// `number` moves on past the names that are taken.
Status ComposeBackend::make_one(const Change& change, const Pattern& pattern, int& number, bool several_endpoints,
                                const std::stop_token& stop) {
  for (int tried = 0;; ++tried, ++number) {
    const Creation creation = creation_of(pattern.recipe, number, pattern.image, change.id, several_endpoints);
    const Result<std::string> id = engine_.create(creation.name, creation.body, stop);
    if (!id && is_name_taken(id.error()) && tried < names_tried_max) continue;
    if (!id) return fail(final_refusal(id.error()).wrap("create " + creation.name));
    crash_point("after_create");
    const Status up = bring_up(*id, creation, pattern, stop);
    if (!up) {
      Error error = final_refusal(up.error()).wrap("start " + creation.name);
      if (is_out_of_reach(error)) return fail(std::move(error));  // never started, it counts for nothing
      const Status removed = engine_.remove_all({&*id, 1}, true, stop).front();
      if (!removed) error.message += "; removing it again failed, too: " + removed.error().message;
      return fail(std::move(error));
    }
    crash_point("after_start");
    log::info("replica.created", {{"target", change.target.text}, {"container", creation.name}});
    return {};
  }
}

Status ComposeBackend::bring_up(const std::string& id, const Creation& creation, const Pattern& pattern,
                                const std::stop_token& stop) {
  for (const Endpoint& endpoint : creation.connects) {
    if (const Status done = engine_.connect(endpoint.network, id, endpoint.settings, stop); !done) return done;
  }
  if (const Status done = put_files(engine_, id, pattern.files, stop); !done) return done;
  return engine_.start(id, stop);
}

Result<ComposeBackend::Pattern> ComposeBackend::pattern_of(const Replica& original,
                                                           const std::vector<Replica>& replicas,
                                                           const std::stop_token& stop) {
  const Result<Inspected> look = engine_.inspect(original.id, stop);
  if (!look) return fail(look.error().wrap("read " + original.name));
  Result<Recipe> recipe = recipe_of(look->document, separator_among(replicas, service_.project, service_.service));
  if (!recipe) return fail(recipe.error());
  Result<std::string> image = image_for(*recipe, stop);
  if (!image) return fail(image.error());
  std::vector<std::string> paths = known_.copied;
  if (known_.template_id != original.id) {
    Result<Wanted> wanted = wanted_files(engine_, look->document, service_.copy_paths, stop);
    if (!wanted) return fail(wanted.error());
    paths = std::move(wanted->paths);
  }
  auto files = read_files(engine_, look->document, paths, stop);
  if (!files) return fail(files.error());
  return Pattern{*std::move(recipe), *std::move(image), *std::move(files)};
}

Result<ComposeBackend::Pattern> ComposeBackend::saved_pattern(const std::stop_token& stop) {
  const std::string by_hand =
      "run \"docker compose up -d --scale " + service_.service + "=1 " + service_.service + "\" once";
  const auto text = keep_.get(saved_key(service_.project, service_.service));
  auto saved = text ? saved_from(*text) : std::nullopt;
  if (!saved) {
    return fail(ErrorKind::not_found,
                "service " + name_ + " has no container to clone; " + by_hand + ", or set min: 1");
  }
  for (const Endpoint& endpoint : saved->recipe.endpoints) {
    const Result<bool> there = engine_.network_exists(endpoint.network, stop);
    if (!there) return fail(there.error());
    if (!*there) {
      return fail(ErrorKind::refused, "network " + endpoint.network + " of service " + name_ + " is gone; " + by_hand);
    }
  }
  Result<std::string> image = image_for(saved->recipe, stop);
  if (!image) return fail(image.error());
  return Pattern{std::move(saved->recipe), *std::move(image), std::move(saved->files)};
}

// The name, while it still means the image that the replica runs; else that image's id.
Result<std::string> ComposeBackend::image_for(const Recipe& recipe, const std::stop_token& stop) {
  const auto named = engine_.image_id(recipe.image, stop);
  if (!named) return fail(named.error());
  if (*named && (**named == recipe.image_id || recipe.image_id.empty())) return recipe.image;
  const auto by_id = engine_.image_id(recipe.image_id, stop);
  if (!by_id) return fail(by_id.error());
  if (*by_id) return recipe.image_id;
  return fail(ErrorKind::refused, "image " + recipe.image + " is gone; run docker compose pull and docker compose up");
}

}  // namespace alertscaler::docker
