#include "remember/codec.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "support/alerts.h"
#include "support/catch.h"

using namespace alertscaler;
using test::at;

// Stands for any value. Not in the unnamed namespace: clang wants what is there to be defined, and this never is.
struct Anything {
  template <class T>
  operator T() const;
};

namespace {

// Counts the fields of an aggregate: the most values that it can be initialized with.
template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
  return requires {
    T{(static_cast<void>(I), Anything{})...};
  };
}
template <class T, std::size_t N = 32>
consteval std::size_t field_count() {
  if constexpr (takes<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return field_count<T, N - 1>();
  }
}

const AlertCause full_cause{Fingerprint{"116013f56c4e2583"}, at(1), {{"alertname", "A \"quoted\" ü"}, {"svc", "web"}}};

TargetState full_state() {
  TargetState state;
  state.last_up = at(2);
  state.last_change = at(3);
  state.down_since = at(4.005);
  state.baseline = Baseline{3, -1, full_cause, {{Fingerprint{"c"}, at(10)}}, true};
  state.drain_baseline = Baseline{4, 1, full_cause};
  state.stepped = {{Fingerprint{"a"}, at(5)}, {Fingerprint{"a"}, at(6)}, {Fingerprint{"b"}, at(5)}};
  state.asked = 0;
  state.last_up_not_ready = true;
  state.unfinished = Unfinished{Reason::down, 9};
  state.failures = 3;
  state.retry_at = at(7);
  state.in_flight = InFlight{12, Reason::drain, 4, 0, at(8), at(9), full_cause, {{Fingerprint{"b"}, at(5)}}, 14, true};
  state.dry_run_replicas = 6;
  state.dry_run_floor = 5;
  state.orders_taken = 15;
  state.floor_set = 7;
  state.object = "docker_compose project=shop service=web";
  state.nodes["n1"] = NodeState{InFlight{13, Reason::restore, 2, 3, at(11), at(12), full_cause, {}, 0},
                                true,
                                true,
                                true,
                                full_cause,
                                {{Fingerprint{"d"}, at(13)}},
                                2,
                                Reason::restore,
                                at(14),
                                "no \"engine\""};
  return state;
}

template <class T>
void check_every_field_is_written(const T& value) {
  const std::string text = codec::encode(value);
  CAPTURE(text);
  CHECK(nlohmann::json::parse(text).size() == field_count<T>());
}

}  // namespace

TEST_CASE("codec: the field counter counts") {
  struct Three {
    int a;
    std::string b;
    std::optional<Instant> c;
  };
  STATIC_REQUIRE(field_count<Three>() == 3);
}

// A field that is added to one of these and not to the codec fails to compile; one that is not added to full_state()
// above fails here.
TEST_CASE("codec: every field of a state comes back") {
  const TargetState state = full_state();
  check_every_field_is_written(state);
  const auto json = nlohmann::json::parse(codec::encode(state));
  CHECK(json.at("in_flight").size() == field_count<InFlight>());
  CHECK(json.at("baseline").size() == field_count<Baseline>());
  CHECK(json.at("unfinished").size() == field_count<Unfinished>());
  CHECK(json.at("nodes").at("n1").size() == field_count<NodeState>());
  CHECK(json.at("stepped").at(0).size() == field_count<Episode>());
  CHECK(codec::decode_state(codec::encode(state)).value() == state);
}

TEST_CASE("codec: a fresh state is a fresh state") {
  CHECK(codec::decode_state(codec::encode(TargetState{})).value() == TargetState{});
  CHECK(codec::decode_state("{}").value() == TargetState{});
}

TEST_CASE("codec: mappings, causes and labels come back") {
  const Mapping mapping{TargetName{"web"}, AlertAction::to, Step{50, true}, 7, "n1"};
  check_every_field_is_written(mapping);
  CHECK(codec::decode_mapping(codec::encode(mapping)).value() == mapping);
  const Mapping plain{TargetName{"web"}, AlertAction::hold, {}, {}};
  CHECK(codec::decode_mapping(codec::encode(plain)).value() == plain);

  check_every_field_is_written(full_cause);
  CHECK(codec::decode_cause(codec::encode(full_cause)).value() == Cause{full_cause});
  const Cause manual = ManualCause{"alice"};
  CHECK(codec::encode(manual) == R"({"manual":{"user":"alice"}})");
  CHECK(codec::decode_cause(codec::encode(manual)).value() == manual);

  const Labels labels{{"a", ""}, {"b", std::string("nul \0 inside", 12)}, {"c", "line\nbreak"}, {"ü", "日本"}};
  CHECK(codec::decode_labels(codec::encode(labels)).value() == labels);
  CHECK(codec::decode_labels(codec::encode(Labels{})).value().empty());
}

TEST_CASE("codec: orders come back") {
  const Orders orders{Command{7, 0, "alice"}, Pin{5, at(3), "bob"}, Pause{at(4), "10.0.0.1"}};
  check_every_field_is_written(orders);
  const auto json = nlohmann::json::parse(codec::encode(orders));
  CHECK(json.at("command").size() == field_count<Command>());
  CHECK(json.at("pin").size() == field_count<Pin>());
  CHECK(json.at("pause").size() == field_count<Pause>());
  CHECK(codec::decode_orders(codec::encode(orders)).value() == orders);
  CHECK(codec::decode_orders("{}").value() == Orders{});
}

TEST_CASE("codec: a state and a cause of the version before orders are read") {
  const auto state = codec::decode_state(
      R"({"in_flight":{"id":1,"action":"up","from":2,"to":3,"started":5,"deadline":6,"cause":{"fingerprint":"f","starts_at":1,"labels":{"alertname":"A"}}}})");
  REQUIRE(state.has_value());
  CHECK(alert_name(state->in_flight->cause) == "A");
  CHECK(state->in_flight->order == 0);
  CHECK(state->orders_taken == 0);
}

TEST_CASE("codec: what is no UTF-8 does not stop the writing") {
  CHECK(codec::decode_labels(codec::encode(Labels{{"a", "\xFFx"}})).value() == Labels{{"a", "\xEF\xBF\xBDx"}});
}

TEST_CASE("codec: unknown keys are of no concern, unknown values are") {
  CHECK(codec::decode_state(R"({"failures":2,"from_the_future":{"x":[1]}})").value().failures == 2);
  const std::string bad = GENERATE(values<std::string>({
      "",
      "{",
      "[]",
      "3",
      "null",
      R"({"failures":"2"})",
      R"({"last_up":"yesterday"})",
      R"({"stepped":{}})",
      R"({"stepped":[3]})",
      R"({"in_flight":{"id":1,"action":"sideways"}})",
      R"({"in_flight":[]})",
      "{\"failures\":2,\"x\":\"\xFF\"}",
  }));
  CAPTURE(bad);
  const auto decoded = codec::decode_state(bad);
  REQUIRE_FALSE(decoded.has_value());
  CHECK(decoded.error().kind == ErrorKind::invalid);
  CHECK_FALSE(decoded.error().message.empty());
  CHECK_FALSE(codec::decode_mapping(R"({"target":"web","action":"sideways"})").has_value());
  CHECK_FALSE(codec::decode_mapping(R"({"target":"web","step":"0"})").has_value());
  for (const char* labels : {"", "{", "[]", "\"a\"", "3", "null", R"({"a":1})", R"({"a":-1})", R"({"a":1.5})",
                             R"({"a":null})", R"({"a":true})", R"({"a":{}})", R"({"a":["b"]})", R"({"a":"b"} x)"}) {
    CAPTURE(labels);
    const auto decoded_labels = codec::decode_labels(labels);
    REQUIRE_FALSE(decoded_labels.has_value());
    CHECK_FALSE(decoded_labels.error().message.empty());
  }
}
