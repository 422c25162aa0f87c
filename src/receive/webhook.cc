#include "receive/webhook.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/text.h"
#include "decide/map.h"
#include "receive/api_json.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

// How long a waiting request may keep the server from stopping.
constexpr Duration wait_slice = 200ms;

// Holds one of a bounded number of places.
class Place {
 public:
  Place(std::atomic<int>& taken, int max) : taken_(taken), has_(taken.fetch_add(1) < max) {}
  ~Place() { taken_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool has() const { return has_; }

 private:
  std::atomic<int>& taken_;
  const bool has_;
};

}  // namespace

Webhook::Webhook(Intake& intake, GrafanaSignature* signature, Store& store, Controller& controller, const Clock& clock,
                 const Limits& limits, const std::atomic<bool>& stopping)
    : intake_(intake),
      signature_(signature),
      store_(store),
      controller_(controller),
      clock_(clock),
      limits_(limits),
      stopping_(stopping),
      waiting_max_(std::max(1, limits.connections_max / 4)) {}

Source Webhook::sender(const Head& head) {
  const std::string_view agent = head.find("user-agent").value_or("");
  if (agent.starts_with("Alertmanager/")) return Source::alertmanager;
  return agent.starts_with("Grafana") ? Source::grafana : Source::manual;
}

bool Webhook::will_verify(const Head& head) const {
  return signature_ != nullptr && GrafanaSignature::given(head);
}

Answer Webhook::receive(const Request& request, Source& source) {
  const auto wish = read_wish(request.params);
  if (!wish) return failure(wish.error());
  if (const auto refused = check_encoding(request.head)) return failure(*refused);
  const bool verified = will_verify(request.head);
  const auto body = request.read_body(verified ? Sender::unverified : Sender::admitted);
  if (!body) return failure(body.error());
  if (verified) {
    if (const auto wrong = signature_->wrong(request.head, body->text())) return failure(*wrong);
  }
  const Instant received = clock_.now();
  auto notification = intake_.parse(*body, [&] { return parse_notification(*body, limits_); });
  if (!notification) return failure(notification.error());
  if (!notification->group_key.empty()) source = Source::alertmanager;
  if (notification->shape == Shape::grafana) {
    source = Source::grafana;
    if (signature_ != nullptr && !verified) {
      return failure(401,
                     "expected Grafana's signature in the header " + std::string(signature_header) +
                         ": set the secret of grafana_hmac_secret_file in the contact point, under HMAC Signature");
    }
  }
  Batch batch =
      intake_.map(std::move(*notification), source, received, wish->dry_run ? Telling::silent : Telling::aloud);
  return wish->dry_run ? preview(std::move(batch), wish->explain) : merge(std::move(batch), *wish, received);
}

bool Webhook::is_dry_run(const Params& params) {
  const auto wish = read_wish(params);
  return wish && wish->dry_run;
}

tl::expected<Webhook::Wish, Refusal> Webhook::read_wish(const Params& params) {
  if (auto refused = check_params(params, {"wait", "dry_run", "explain"})) return tl::unexpected(std::move(*refused));
  Wish wish;
  if (const auto wait = param(params, "wait")) {
    const auto duration = text::parse_duration(*wait);
    if (!duration) return tl::unexpected(Refusal{400, "wait: " + duration.error().message});
    wish.wait = *duration;
  }
  for (const auto& [name, value] : {std::pair("dry_run", &wish.dry_run), std::pair("explain", &wish.explain)}) {
    const auto given = param(params, name);
    if (!given) continue;
    if (*given != "true" && *given != "false") {
      return tl::unexpected(Refusal{
          400, std::string(name) + ": expected true or false, found " + text::json_quote(text::shorten(*given, 32))});
    }
    *value = *given == "true";
  }
  if (wish.explain && !wish.dry_run) {
    return tl::unexpected(Refusal{400, "explain: it goes with dry_run=true, which decides and does nothing"});
  }
  return wish;
}

Answer Webhook::merge(Batch batch, const Wish& wish, Instant received) {
  if (stopping_.load()) return failure(503, "the server is stopping");
  const auto tickets = intake_.take(batch, received, wish.wait.has_value());
  if (!tickets) return failure(tickets.error());
  if (!wish.wait) return render(batch.lines, nullptr);
  const Decisions decisions = wait_for(*tickets, std::min(*wish.wait, limits_.wait_max));
  return render(batch.lines, &decisions);
}

// Waits in slices, so that a stop is noticed.
Webhook::Decisions Webhook::wait_for(const Intake::Tickets& tickets, Duration wait) {
  Decisions decisions;
  const Place place(waiting_, waiting_max_);
  if (!place.has()) return decisions;
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + wait;
  for (const auto& [target, ticket] : tickets) {
    std::optional<Decision>& decision = decisions[target];
    while (!decision && !stopping_.load()) {
      const auto asked = steady_clock::now();
      const auto left = std::chrono::duration_cast<Duration>(deadline - asked);
      decision = controller_.decided(target, ticket, std::clamp(left, Duration{0}, wait_slice));
      const bool gave_up = steady_clock::now() - asked < wait_slice / 2;  // there will be no decision
      if (left <= wait_slice || gave_up) break;
    }
  }
  return decisions;
}

Answer Webhook::preview(Batch batch, bool explain) {
  const auto settings = controller_.settings();
  std::vector<std::string> mapped_by(batch.lines.size());
  std::map<TargetName, std::vector<Incoming>> by_target;
  std::map<TargetName, std::vector<std::size_t>> lines_of;
  for (std::size_t i = 0; i < batch.incoming.size(); ++i) {
    const TargetName target = batch.incoming[i].alert.mapping.target;
    if (explain) mapped_by[batch.line_of[i]] = decide::mapped_by(*settings, batch.incoming[i].alert.labels);
    by_target[target].push_back(std::move(batch.incoming[i]));
    lines_of[target].push_back(batch.line_of[i]);
  }
  Decisions decisions;
  Explanation explanation;
  explanation.mapped_by = std::move(mapped_by);
  for (const auto& [target, incoming] : by_target) {
    if (stopping_.load()) return failure(503, "the server is stopping");
    std::vector<Alert> afterwards = store_.preview(target, incoming);
    std::vector<Merged> merged = results_of(target, incoming, afterwards);
    for (std::size_t i = 0; i < merged.size(); ++i) {
      Line& line = batch.lines[lines_of[target][i]];
      line.result = merged[i].result;
      line.reason = std::move(merged[i].reason);
    }
    auto explained = controller_.preview(target, std::move(afterwards));
    if (!explained) {
      const int status = explained.error().kind == ErrorKind::invalid ? 500 : 503;
      return failure(status, "preview of " + target.text + ": " + explained.error().message);
    }
    decisions[target] = std::move(explained->decision);
    explanation.gates[target] = std::move(explained->gates);
  }
  return render(batch.lines, &decisions, explain ? &explanation : nullptr);
}

// What each of `incoming` would be answered: the merge, step by step, on a copy of the target's alerts. That copy does
// not hold the episodes that ended moments ago; what the store's own preview left out because of them is stale.
std::vector<Merged> Webhook::results_of(const TargetName& target, const std::vector<Incoming>& incoming,
                                        const std::vector<Alert>& afterwards) const {
  std::map<Fingerprint, Alert> known;
  for (Alert& alert : store_.active_alerts(target)) known.emplace(alert.fingerprint, std::move(alert));
  std::vector<Merged> results;
  for (const Incoming& each : incoming) {
    const auto found = known.find(each.alert.fingerprint);
    MergeOutcome outcome = alertscaler::merge(found == known.end() ? nullptr : &found->second, nullptr, each);
    if (outcome.change == ActiveChange::left) known.erase(found);
    if (outcome.change == ActiveChange::held) known.insert_or_assign(each.alert.fingerprint, std::move(*outcome.alert));
    results.push_back({.result = outcome.result, .reason = std::move(outcome.reason)});
  }
  std::set<Fingerprint> there;
  for (const Alert& alert : afterwards) there.insert(alert.fingerprint);
  for (std::size_t i = 0; i < incoming.size(); ++i) {
    const Fingerprint& fingerprint = incoming[i].alert.fingerprint;
    if (results[i].result != MergeResult::accepted || !known.contains(fingerprint) || there.contains(fingerprint)) {
      continue;
    }
    results[i] = {.result = MergeResult::stale, .reason = "a late delivery of a firing that was resolved moments ago"};
  }
  return results;
}

Answer Webhook::render(const std::vector<Line>& lines, const Decisions* decisions, const Explanation* explanation) {
  return success([&](JsonWriter& json) {
    json.begin_object().key("alerts").begin_array();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Line& line = lines[i];
      json.begin_object()
          .field("fingerprint", line.fingerprint.text)
          .field("alertname", line.name)
          .field("status", line.status)
          .key("target");
      if (line.target) {
        json.value(line.target->text).field("action", to_string(*line.action));
      } else {
        json.null().key("action").null();
      }
      json.field("result", to_string(line.result)).field("reason", line.reason);
      if (decisions != nullptr) {
        const auto found = line.target ? decisions->find(*line.target) : decisions->end();
        json.key("decision");
        write_or_null(json, found == decisions->end() ? std::nullopt : found->second);
      }
      if (explanation != nullptr) {
        json.field("mapped_by", explanation->mapped_by[i]).key("gates").begin_array();
        const auto found = line.target ? explanation->gates.find(*line.target) : explanation->gates.end();
        if (found != explanation->gates.end()) {
          for (const GateNote& gate : found->second) write(json, gate);
        }
        json.end_array();
      }
      json.end_object();
    }
    json.end_array().end_object();
  });
}

}  // namespace alertscaler::receive
