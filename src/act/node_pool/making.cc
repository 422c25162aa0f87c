// Scaling up: containers with names that were never used before.
#include <algorithm>
#include <chrono>
#include <utility>

#include "act/node_pool/backend.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::node_pool {
namespace {

constexpr int names_tried_max = 20;

// At a start or a creation the engine's 409 says nothing that a second look would change.
Error final_refusal(Error error) {
  if (error.kind == ErrorKind::conflict || error.kind == ErrorKind::busy) error.kind = ErrorKind::refused;
  return error;
}

bool is_name_taken(const Error& error) {
  return error.kind == ErrorKind::conflict && error.message.find("already in use") != std::string::npos;
}

// The engine may carry it out all the same, or cannot be asked to undo it.
bool is_out_of_reach(const Error& error) {
  return error.kind == ErrorKind::unreachable || error.kind == ErrorKind::cancelled;
}

}  // namespace

Status PoolBackend::grow(const Change& change, const Pool& pool, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + settings_.making_for;
  for (const Member& member : pool.members) {
    if (!member.leaving()) continue;
    if (const Status kept = keep_after_all(member, stop); !kept) return kept;
  }
  const int missing = change.to - count(pool, std::to_string(change.id));
  for (int made = 0; made < missing && (made == 0 || std::chrono::steady_clock::now() < until); ++made) {
    if (const auto name = make(change.id, "", pool, stop); !name) return fail(name.error());
  }
  return {};
}

// Written down before it is used, so that not even a crash uses it twice.
Result<int> PoolBackend::next_index(const Pool& pool) {
  const std::string key = keep_key();
  const int used = text::parse_int(keep_.get(key).value_or("")).value_or(0);
  const int next = std::max(used, highest_index(pool, settings_.nodes.name_prefix)) + 1;
  if (Status kept = keep_.put(key, std::to_string(next)); !kept) return fail(std::move(kept).error());
  return next;
}

Result<std::string> PoolBackend::make(ActionId action, const std::string& replaces, const Pool& pool,
                                      const std::stop_token& stop) {
  const Purpose purpose{settings_.target, action, replaces, settings_.installation, cluster_.value_or("")};
  for (int tried = 0;; ++tried) {
    const Result<int> index = next_index(pool);
    if (!index) return fail(index.error());
    Result<std::string> name = make_as(*index, purpose, stop);
    if (name || !is_name_taken(name.error()) || tried >= names_tried_max) {
      if (!name) return fail(final_refusal(std::move(name).error()));
      return name;
    }
  }
}

Result<std::string> PoolBackend::make_as(int index, const Purpose& purpose, const std::stop_token& stop) {
  const Creation creation = creation_of(settings_.nodes, index, purpose);
  const Result<std::string> id = engine_.create(creation.name, creation.body, stop);
  if (!id) {
    Error error = id.error().wrap("create " + creation.name);
    if (error.kind == ErrorKind::not_found && error.message.find("o such image") != std::string::npos) {
      error.message += ": the engine does not have the image; docker pull " + settings_.nodes.image;
    }
    return fail(std::move(error));
  }
  crash_point("after_create");
  Status up;
  for (const Network& network : creation.connects) {
    if (up) up = engine_.connect(network.name, *id, network.endpoint, stop);
  }
  if (up) up = engine_.start(*id, stop);
  if (!up) {
    Error error = final_refusal(up.error()).wrap("start " + creation.name);
    if (is_out_of_reach(error)) return fail(std::move(error));  // never started, it counts for nothing
    const Status removed = engine_.remove_all({&*id, 1}, true, stop).front();
    if (!removed) error.message += "; removing it failed: " + removed.error().message;
    return fail(std::move(error));
  }
  crash_point("after_start");
  noticed_.try_emplace(*id, Noticed{.since = clock_.now(), .alone_since = clock_.now()});
  log::info("replica.created", {{"target", settings_.target.text},
                                {"container", creation.name},
                                {"image", settings_.nodes.image},
                                {"replaces", purpose.replaces}});
  return creation.name;
}

}  // namespace alertscaler::node_pool
