// What the documents of HPAs and of KEDA's ScaledObjects say of who sets a workload's count, and the writes that move a
// floor. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "act/kubernetes/count_owner.h"
#include "act/kubernetes/json.h"

namespace alertscaler::kubernetes {

struct Owner {
  enum class Kind { hpa, keda };
  Kind kind = Kind::hpa;
  std::string name;
  std::string path;     // of the object
  std::string version;  // its resourceVersion
  int floor = 1;        // minReplicas, or minReplicaCount
  int max = 1;
  std::optional<int> idle;      // of KEDA: the count as long as no trigger is active
  bool active = true;           // of KEDA: a trigger is
  std::optional<int> original;  // our note: the floor from before we moved it
  std::optional<int> set;       // and where to
  bool kept_at_zero = false;    // by our note, and KEDA's own annotation
  std::string by;               // who signed these; empty: nobody, or an older version of us
  std::string paused;           // somebody else has paused it: by which annotation

  // "the HorizontalPodAutoscaler web", "the ScaledObject web (KEDA)"
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Floor seen() const;
  // The note does not say what is: somebody else has moved the floor since.
  [[nodiscard]] bool note_is_stale() const;
  // It keeps the count below its own floor, wherever that is.
  [[nodiscard]] bool rests_at(int count) const { return idle && !active && !kept_at_zero && count <= *idle; }
  [[nodiscard]] bool has_note() const { return original || set || kept_at_zero; }
};

[[nodiscard]] std::string hpas_path(const std::string& name_space);
[[nodiscard]] std::string scaled_objects_path(const std::string& name_space);
inline constexpr const char* keda_path = "/apis/keda.sh/v1alpha1";

// All that own the count of the object, by name. An HPA that KEDA made stands for its ScaledObject; `unknown` are the
// names of those that are not in `scaled_objects`, which is null when it could not be read.
struct Owners {
  std::vector<Owner> known;
  std::vector<std::string> unknown;
};
[[nodiscard]] Owners owners_of(const ScaledObject& object, const Json& hpas, const Json& scaled_objects);
// The same owner, read anew.
[[nodiscard]] Owner read_again(const Owner& owner, const Json& document);

// Merge patches that are carried out only on the version that `owner` was read from, signed by `by`.
// The floor, with the note of where it was, or without one when that is where it goes; with `release` KEDA is no longer
// kept at zero.
[[nodiscard]] Json move_floor(const Owner& owner, int to, bool release, const std::string& by);
// Of KEDA.
[[nodiscard]] Json keep_at_zero(const Owner& owner, const std::string& by);
[[nodiscard]] Json let_go(const Owner& owner);

}  // namespace alertscaler::kubernetes
