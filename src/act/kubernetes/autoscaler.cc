#include "act/kubernetes/autoscaler.h"

#include <algorithm>

#include "act/kubernetes/annotations.h"
#include "act/kubernetes/owners.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

using Steady = std::chrono::steady_clock;

std::string name_of(const ScaledObject& object) {
  return object.kind + " " + object.name_space + "/" + object.name;
}

std::string names_of(const Owners& owners) {
  std::vector<std::string> names;
  for (const Owner& owner : owners.known) names.push_back(owner.text());
  for (const std::string& name : owners.unknown) names.push_back("the ScaledObject " + name + " (KEDA)");
  return text::join(names, " and ");
}

bool describes_owner(const Json& document) {
  return at(document, "spec", "scaleTargetRef").is_object();
}

class Autoscaler final : public CountOwner {
 public:
  Autoscaler(HpaMode mode, Signature by, ApiServer& server, AutoscalerPace pace)
      : mode_(mode), by_(std::move(by)), server_(server), pace_(pace) {}

  Result<Ownership> observe(const ScaledObject& object, const std::optional<Change>& in_flight,
                            const std::stop_token& stop) override;
  Result<bool> apply(const ScaledObject& object, const Change& change, const std::stop_token& stop) override;
  [[nodiscard]] std::string writes_to() const override {
    const bool moves = mode_ == HpaMode::automatic && owners_.known.size() == 1 && owners_.unknown.empty();
    return moves ? owners_.known.front().path : "";
  }

 private:
  Status look(const ScaledObject& object, bool fresh, const std::stop_token& stop);
  Status look_before_writing(const ScaledObject& object, const Change& change, const std::stop_token& stop);
  Status look_at_keda(const ScaledObject& object, bool fresh, Json& scaled_objects, const std::stop_token& stop);
  ApiResult<Json> list(const std::string& path, bool fresh, const std::stop_token& stop) {
    return fresh ? server_.list(path, stop) : server_.list_shared(path, pace_.share, stop);
  }
  [[nodiscard]] Ownership ownership(const ScaledObject& object) const;
  [[nodiscard]] std::string why_blocked(const ScaledObject& object) const;
  [[nodiscard]] std::string why_foreign(const Owner& owner) const;
  void begin(const Change& change);
  Result<bool> move(const ScaledObject& object, const Change& change, const std::stop_token& stop);
  Status keep(const Change& change, const std::stop_token& stop);
  // Reads the owner, and PATCHes what `patch` makes of it as long as it makes something (null: nothing is to be done).
  template <class Make>
  Status write(const std::string& doing, Make&& patch, const std::stop_token& stop);

  const HpaMode mode_;
  const Signature by_;
  ApiServer& server_;
  const AutoscalerPace pace_;
  Owners owners_;
  std::string keda_unread_;  // why its ScaledObjects cannot be seen
  std::string hpas_unread_;
  std::optional<Steady::time_point> looked_at_;
  std::optional<Steady::time_point> no_keda_at_;
  std::optional<int> shown_;  // the floor that was last told
  std::optional<int> from_;   // the floor from which the last change began
  ActionId asked_ = 0;        // that change
  ActionId begun_ = 0;        // the last change before which everything was looked at anew
  ActionId written_ = 0;      // the last change whose floor was written
};

// KEDA's rights are given only where it is; so it is asked for by what everybody may ask: is the API there?
Status Autoscaler::look_at_keda(const ScaledObject& object, bool fresh, Json& scaled_objects,
                                const std::stop_token& stop) {
  const auto now = Steady::now();
  keda_unread_.clear();
  if (no_keda_at_ && now - *no_keda_at_ < pace_.look_for_keda) return {};
  auto listed = list(scaled_objects_path(object.name_space), fresh, stop);
  if (listed) {
    scaled_objects = *std::move(listed);
    no_keda_at_.reset();
    return {};
  }
  bool absent = listed.error().code == 404;
  if (listed.error().error.kind == ErrorKind::refused) {
    const auto known = server_.get(keda_path, stop);
    absent = !known && known.error().code == 404;
    if (!absent) keda_unread_ = listed.error().error.message;
  } else if (!absent) {
    return fail(listed.error().error.wrap("look for ScaledObjects"));
  }
  if (absent) no_keda_at_ = now;
  return {};
}

Status Autoscaler::look(const ScaledObject& object, bool fresh, const std::stop_token& stop) {
  const auto now = Steady::now();
  const bool recent = looked_at_ && now - *looked_at_ < pace_.look;
  if (recent && !fresh) return {};
  if (recent && owners_.known.size() == 1 && owners_.unknown.empty()) {
    auto answer = server_.get(owners_.known.front().path, stop);
    if (answer && !describes_owner(*answer)) {
      return fail(ErrorKind::unreachable, "look at " + names_of(owners_) + ": the answer describes no such object");
    }
    if (answer) {
      owners_.known.front() = read_again(owners_.known.front(), *answer);
      return {};
    }
    // Rights may be given for the list alone.
    const bool lists_tell = answer.error().code == 404 || answer.error().error.kind == ErrorKind::refused;
    if (!lists_tell) return fail(answer.error().error.wrap("look at " + names_of(owners_)));
  }
  looked_at_.reset();
  auto hpas = list(hpas_path(object.name_space), fresh, stop);
  hpas_unread_ = hpas ? "" : hpas.error().error.message;
  if (!hpas && hpas.error().error.kind != ErrorKind::refused) return fail(hpas.error().error.wrap("look for HPAs"));
  Json scaled_objects;
  if (const Status looked = look_at_keda(object, fresh, scaled_objects, stop); !looked) return looked;
  owners_ = owners_of(object, hpas ? *hpas : Json(), scaled_objects);
  // An HPA of KEDA's, and no ScaledObject: it must have been installed meanwhile.
  if (!owners_.unknown.empty() && no_keda_at_) {
    no_keda_at_.reset();
    if (const Status looked = look_at_keda(object, fresh, scaled_objects, stop); !looked) return looked;
    owners_ = owners_of(object, hpas ? *hpas : Json(), scaled_objects);
  }
  looked_at_ = now;
  return {};
}

std::string Autoscaler::why_blocked(const ScaledObject& object) const {
  const std::string name = name_of(object);
  const std::size_t many = owners_.known.size() + owners_.unknown.size();
  if (!hpas_unread_.empty()) {
    return "whether an HPA sets the count of " + name + " cannot be seen: " + hpas_unread_ +
           "; or set hpa: ignore to scale it without looking";
  }
  if (many == 0) return "";
  if (mode_ == HpaMode::refuse) {
    const std::string them = many == 1 ? "it" : "them";
    return names_of(owners_) + (many == 1 ? " sets" : " set") + " the count of " + name +
           ", and hpa is \"refuse\": " + "set hpa: auto to have its floor moved, or delete " + them;
  }
  if (many > 1) {
    return names_of(owners_) + " all set the count of " + name + " and undo each other: leave it to one of them";
  }
  if (!owners_.unknown.empty()) {
    return names_of(owners_) + " sets the count of " + name + " and cannot be seen" +
           (keda_unread_.empty() ? "" : ": " + keda_unread_);
  }
  const Owner& owner = owners_.known.front();
  if (!owner.paused.empty()) {
    return owner.text() + " sets the count of " + name + " and was paused by somebody else: take the annotation " +
           owner.paused + " off to let it go on";
  }
  return why_foreign(owner);
}

// Empty: it is nobody else's.
std::string Autoscaler::why_foreign(const Owner& owner) const {
  const Signature mark = read_signature(owner.by);
  if (!owner.has_note() || same_installation(mark, by_)) return "";
  return "the floor of " + owner.text() + " is moved by another alertscaler, " + mark.installation + " (its target " +
         mark.target + "): leave it to one of the two; if that one is gone, take the annotations " +
         std::string(moved_by) + ", " + std::string(original_min) + " and " + std::string(set_min) + " off";
}

Ownership Autoscaler::ownership(const ScaledObject& object) const {
  Ownership owned;
  if (mode_ == HpaMode::ignore) {
    if (!owners_.known.empty() || !owners_.unknown.empty()) {
      owned.note = names_of(owners_) + " sets the count as well, and may undo what is done here (hpa: ignore)";
    }
    return owned;
  }
  if (std::string why = why_blocked(object); !why.empty()) {
    owned.blocked = Blocked{Reason::hpa_owned, std::move(why)};
    return owned;
  }
  if (!keda_unread_.empty()) owned.note = "whether KEDA sets the count cannot be seen: " + keda_unread_;
  if (owners_.known.empty()) return owned;
  const Owner& owner = owners_.known.front();
  owned.floor = owner.seen();
  if (owner.rests_at(object.replicas)) {
    owned.floor->rests = owner.text() + " keeps " + name_of(object) + " at its idleReplicaCount, " +
                         std::to_string(*owner.idle) +
                         ", as long as none of its triggers is active, whatever its floor: give it a trigger that is "
                         "active when more is wanted, or take idleReplicaCount off (minReplicaCount may be 0 instead)";
  }
  owned.replicas_max = owner.max;
  owned.replicas_max_why = owner.text() + " allows at most " + std::to_string(owner.max) + ": raise its " +
                           (owner.kind == Owner::Kind::hpa ? "maxReplicas" : "maxReplicaCount");
  return owned;
}

Result<Ownership> Autoscaler::observe(const ScaledObject& object, const std::optional<Change>& in_flight,
                                      const std::stop_token& stop) {
  const Status looked = look(object, in_flight.has_value() && mode_ == HpaMode::automatic, stop);
  // Who scales all the same is not stopped by what could not be seen.
  if (!looked && (mode_ != HpaMode::ignore || looked.error().kind == ErrorKind::cancelled)) {
    return fail(looked.error());
  }
  Ownership owned = ownership(object);
  shown_ = owned.floor ? std::optional(owned.floor->current) : std::nullopt;
  return owned;
}

// Once for each change: what was told may have been some seconds old, and another owner may have come.
Status Autoscaler::look_before_writing(const ScaledObject& object, const Change& change, const std::stop_token& stop) {
  if (mode_ == HpaMode::ignore || begun_ == change.id) return {};
  const std::string before = names_of(owners_);
  looked_at_.reset();
  if (Status looked = look(object, true, stop); !looked) return looked;
  const std::string why = why_blocked(object);
  if (!why.empty()) return fail(ErrorKind::conflict, why);
  if (names_of(owners_) != before) {
    return fail(ErrorKind::conflict, "somebody else has just changed what sets the count of " + name_of(object));
  }
  begun_ = change.id;
  return {};
}

template <class Make>
Status Autoscaler::write(const std::string& doing, Make&& patch, const std::stop_token& stop) {
  constexpr int tries_max = 5;
  Owner& owner = owners_.known.front();
  ApiError last;
  for (int tries = 0; tries < tries_max; ++tries) {
    auto read = server_.get(owner.path, stop);
    if (!read) return fail(read.error().error.wrap(doing));
    if (!describes_owner(*read)) return fail(ErrorKind::unreachable, doing + ": the answer describes no such object");
    owner = read_again(owner, *read);  // also what stands in the way is told by the next observation
    Result<Json> body = patch(owner);
    if (!body) return fail(std::move(body).error().wrap(doing));
    if (body->is_null()) return {};
    auto answer = server_.merge_patch(owner.path + "?fieldManager=alertscaler", *body, stop);
    if (answer) {
      owner = read_again(owner, *answer);
      return {};
    }
    last = answer.error();
    // Its status has changed meanwhile, or the answer was lost: what it is now, the next turn reads.
    if (last.code != 409 && !last.maybe_done) break;
  }
  return fail(last.error.wrap(doing));
}

Result<bool> Autoscaler::move(const ScaledObject& object, const Change& change, const std::stop_token& stop) {
  const int seen = from_.value_or(owners_.known.front().floor);
  const bool wake = change.from == 0 && change.to > 0;
  const bool release = wake || object.replicas > 0;
  const std::string to = std::to_string(change.to);
  const auto patch = [&](const Owner& fresh) -> Result<Json> {
    if (std::string why = why_foreign(fresh); !why.empty()) return fail(ErrorKind::conflict, std::move(why));
    const bool there = fresh.floor == change.to;
    if (there && !fresh.note_is_stale() && !(release && fresh.kept_at_zero)) return Json();
    if (written_ == change.id && !there) {
      return fail(ErrorKind::refused,
                  "it was set to " + to + ", and then to " + std::to_string(fresh.floor) + " by somebody else");
    }
    if (fresh.floor != seen) {
      return fail(ErrorKind::conflict, "somebody else has just changed it from " + std::to_string(seen) + " to " +
                                           std::to_string(fresh.floor));
    }
    if (change.to > fresh.max) {
      return fail(ErrorKind::refused, "it allows at most " + std::to_string(fresh.max));
    }
    return move_floor(fresh, change.to, release, by_.text());
  };
  const Status written = write("set the floor of " + owners_.known.front().text() + " to " + to, patch, stop);
  if (!written) return fail(written.error());
  written_ = change.id;
  // One that is off, or idle, at 0 has to be switched on.
  return !(wake && object.replicas == 0);
}

// KEDA would wake what is set to 0, and has an annotation that tells it not to. An HPA stands back by itself.
Status Autoscaler::keep(const Change& change, const std::stop_token& stop) {
  const bool zero = change.to == 0;
  return write((zero ? "pause " : "let go on ") + owners_.known.front().text(),
               [&](const Owner& fresh) -> Result<Json> {
                 if (std::string why = why_foreign(fresh); !why.empty()) {
                   return fail(ErrorKind::conflict, std::move(why));
                 }
                 if (fresh.kept_at_zero == zero) return Json();
                 return zero ? keep_at_zero(fresh, by_.text()) : let_go(fresh);
               },
               stop);
}

// What is seen of the floor while a change waits for the API server is not what was decided on. One that began before a
// reload does not say where the floor was, but that it was not above its `from`.
void Autoscaler::begin(const Change& change) {
  if (asked_ == change.id) return;
  asked_ = change.id;
  from_ = shown_;
  if (from_ && change.from > 0) from_ = std::min(*from_, change.from);
}

Result<bool> Autoscaler::apply(const ScaledObject& object, const Change& change, const std::stop_token& stop) {
  begin(change);
  if (const Status looked = look_before_writing(object, change, stop); !looked) return fail(looked.error());
  if (mode_ != HpaMode::automatic || owners_.known.size() != 1 || !owners_.unknown.empty()) {
    if (!change.floor) return false;
    return fail(ErrorKind::refused, "no single autoscaler sets the count of " + name_of(object) + " any more");
  }
  if (change.floor) return move(object, change, stop);
  if (owners_.known.front().kind == Owner::Kind::keda) {
    if (const Status kept = keep(change, stop); !kept) return fail(kept.error());
  }
  return false;
}

}  // namespace

std::unique_ptr<CountOwner> make_autoscaler(HpaMode mode, Signature by, ApiServer& server, AutoscalerPace pace) {
  return std::make_unique<Autoscaler>(mode, std::move(by), server, pace);
}

}  // namespace alertscaler::kubernetes
