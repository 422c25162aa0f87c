#include "receive/router.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "receive/page.h"

namespace alertscaler::receive {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view webhook_path = "/webhook";
constexpr std::string_view webhook_hint =
    "expected POST: this is where Alertmanager and Grafana send their notifications (when a sender is told http:// and "
    "something redirects to https://, its POST becomes a GET: give it the https:// address)";
constexpr std::string_view push_path = "/api/v2/alerts";
constexpr std::string_view push_hint =
    "expected POST: this is where Prometheus and vmalert send their alerts (GET /api/v1/alerts lists those that are "
    "active; when a sender is told http:// and something redirects to https://, its POST becomes a GET)";
constexpr std::string_view alerts_path = "/api/v1/alerts";
constexpr std::string_view alerts_hint =
    "expected GET, HEAD: this lists the alerts that are active; Alertmanager and Grafana send theirs to /webhook, "
    "Prometheus and vmalert to /api/v2/alerts";

bool is_notification(const Head& head) {
  if (head.path() == push_path) return head.method == "POST";
  return head.path() == webhook_path && (head.method == "POST" || head.method == "PUT");
}

// Who sends, as far as it can be told before the body is read.
Source sender(const Head& head) {
  return head.path() == push_path ? Source::prometheus : Webhook::sender(head);
}

std::string_view hint(std::string_view method, std::string_view path) {
  if (path == alerts_path) return alerts_hint;
  if (method != "GET") return "";
  if (path == webhook_path) return webhook_hint;
  return path == push_path ? push_hint : "";
}

std::string shown(std::string_view text) {
  constexpr std::size_t shown_bytes_max = 200;
  return text::shorten(text, shown_bytes_max);
}

}  // namespace

enum class Handler {
  webhook,
  push,
  push_status,
  targets,
  target,
  replicas,
  pause,
  resume,
  alerts,
  history,
  status,
  events,
  metrics,
  healthy,
  ready,
  reload,
  page,
  page_file
};

struct Router::Route {
  std::string_view path;
  std::string_view allow;  // as the Allow header says it
  Handler handler;
  bool open = false;             // needs no token: probes have none, and the page asks for one
  bool prefix = false;           // the rest of the path is an argument
  std::string_view suffix = {};  // … up to this

  [[nodiscard]] bool leads(std::string_view to) const {
    if (!prefix) return to == path;
    return to.size() >= path.size() + suffix.size() && to.starts_with(path) && to.ends_with(suffix);
  }
  // REQUIRES: leads(to)
  [[nodiscard]] std::string_view rest(std::string_view to) const {
    return to.substr(path.size(), to.size() - path.size() - suffix.size());
  }
};

namespace {

// What a GET takes, a HEAD takes too.
constexpr std::string_view get = "GET, HEAD";

bool changes_something(Handler handler) {
  return handler == Handler::replicas || handler == Handler::pause || handler == Handler::resume ||
         handler == Handler::reload;
}

}  // namespace

Router::Router(const Surroundings& around, Authenticator& authenticator, ApiOptions options, Headers headers)
    : metrics_(around.metrics),
      clock_(around.clock),
      stopping_(around.stopping),
      controller_(around.controller),
      events_(around.events),
      authenticator_(authenticator),
      web_troubles_(around.web_troubles),
      headers_(std::move(headers)),
      names_(around.names),
      reload_(around.reload),
      intake_(around.store, around.controller, around.metrics),
      webhook_(intake_, around.signature, around.store, around.controller, around.clock, around.limits,
               around.stopping),
      push_(intake_, around.clock, around.limits, around.stopping, options.version),
      api_(around.store, around.controller, around.clock, std::move(options)),
      controls_(around.store, around.controller),
      say_unauthorized_(10s, around.clock),
      say_read_only_(10s, around.clock),
      say_foreign_(10s, around.clock),
      say_busy_(10s, around.clock),
      say_failed_(10s, around.clock) {}

Answer Router::answer(Request request) {
  Source source = sender(request.head);
  Answer answer = dispatch(request, source);
  if (answer.status == 0) return answer;
  if (!Webhook::is_dry_run(request.params)) count(request.head, source, answer.status);
  say(request.head, request.client, answer);
  const auto unless_set = [&](std::string name, std::string value) {
    const bool is_set = std::any_of(headers_.begin(), headers_.end(), [&](const auto& header) {
      return text::to_lower(header.first) == text::to_lower(name);
    });
    if (!is_set) answer.headers.emplace_back(std::move(name), std::move(value));
  };
  unless_set("X-Content-Type-Options", "nosniff");
  unless_set("X-Frame-Options", "DENY");
  answer.headers.insert(answer.headers.end(), headers_.begin(), headers_.end());
  const bool may_be_kept = std::any_of(answer.headers.begin(), answer.headers.end(),
                                       [](const auto& header) { return header.first == "Cache-Control"; });
  if (!may_be_kept) answer.headers.emplace_back("Cache-Control", "no-store");
  return answer;
}

Answer Router::dispatch(Request& request, Source& source) {
  static constexpr std::array<Route, 20> routes = {{
      {webhook_path, "POST, PUT", Handler::webhook},
      {push_path, "POST", Handler::push},
      {"/api/v2/status", get, Handler::push_status},
      {"/api/v1/targets", get, Handler::targets},
      {"/api/v1/targets/", get, Handler::target, false, true},
      {"/api/v1/targets/", "PUT", Handler::replicas, false, true, "/replicas"},
      {"/api/v1/targets/", "POST", Handler::pause, false, true, "/pause"},
      {"/api/v1/targets/", "POST", Handler::resume, false, true, "/resume"},
      {"/api/v1/pause", "POST", Handler::pause},
      {"/api/v1/resume", "POST", Handler::resume},
      {alerts_path, get, Handler::alerts},
      {"/api/v1/history", get, Handler::history},
      {"/api/v1/status", get, Handler::status},
      {"/api/v1/events", get, Handler::events},
      {"/metrics", get, Handler::metrics},
      {"/-/healthy", get, Handler::healthy, true},
      {"/-/ready", get, Handler::ready, true},
      {"/-/reload", "POST, PUT", Handler::reload},
      {"/", get, Handler::page, true},
      {"/page/", get, Handler::page_file, true, true},
  }};
  const Route* found = nullptr;
  for (const Route& route : routes) {
    if (route.leads(request.path)) found = &route;  // the last one that does is the closest
  }
  const bool open = found != nullptr && found->open;
  const bool signs = found != nullptr && found->handler == Handler::webhook && webhook_.will_verify(request.head);
  if (!open && !signs) {
    Admission admission = authenticator_.admits(request.head.find("authorization"));
    if (admission.verdict == Admission::Verdict::busy) return too_many_passwords(request);
    if (admission.verdict == Admission::Verdict::unsure) return cannot_tell(request, admission.trouble);
    if (!admission) return unauthorized(request);
    if (!admission.user.empty()) request.user = std::move(admission.user);
    request.may_write = admission.may_write;
  }
  if (!open) {
    if (const auto refused = names_.check_host(request.head)) return foreign(request, *refused);
  }
  if (found == nullptr) {
    return failure(404, "there is nothing at " + text::json_quote(shown(request.path)) + "; GET / lists what there is");
  }
  const auto allowed = text::split(found->allow, ',');
  bool method_fits = false;
  for (const std::string& method : allowed) method_fits = method_fits || text::trim(method) == request.head.method;
  if (!method_fits) {
    const std::string_view hinted = hint(request.head.method, found->path);
    Answer answer = failure(405, hinted.empty() ? "expected " + std::string(found->allow) : std::string(hinted));
    answer.headers.emplace_back("Allow", found->allow);
    return answer;
  }
  const bool notifies = found->handler == Handler::webhook || found->handler == Handler::push;
  const bool asks = found->handler == Handler::webhook && Webhook::is_dry_run(request.params);
  const bool writes = notifies || changes_something(found->handler);
  if (!request.may_write && writes && !asks) return read_only(request);
  // No sender of alerts is a browser: a page that posts some would scale what it likes.
  // And each listener takes a seat until it goes, so a page elsewhere could take them all.
  if (writes || found->handler == Handler::events) {
    if (const auto refused = names_.check_origin(request.head)) return foreign(request, *refused);
  }
  if (stopping_.load()) return failure(503, "the server is stopping");
  const std::string_view rest = found->rest(request.path);
  if (found->prefix && rest.empty() && !found->open) return no_such_target(controller_, rest);
  Answer answer = call(*found, request, rest, source);
  return answer.status == 401 ? unauthorized(request, std::move(answer)) : answer;
}

Answer Router::call(const Route& route, const Request& request, std::string_view rest, Source& source) {
  switch (route.handler) {
    case Handler::webhook:
      return webhook_.receive(request, source);
    case Handler::push:
      return push_.alerts(request);
    case Handler::push_status:
      return push_.status(request);
    case Handler::targets:
      return api_.targets(request);
    case Handler::target:
      return api_.target(request, rest);
    case Handler::replicas:
      return controls_.replicas(request, rest);
    case Handler::pause:
      return controls_.pause(request, rest);
    case Handler::resume:
      return controls_.resume(request, rest);
    case Handler::alerts:
      return api_.alerts(request);
    case Handler::history:
      return api_.history(request);
    case Handler::status:
      return api_.status(request);
    case Handler::events:
      return listen(request);
    case Handler::metrics:
      metrics_.web_files_usable(!web_troubles_ || web_troubles_().empty());
      return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.expose(clock_.now())};
    case Handler::healthy:
      return plain(200, "alertscaler is healthy.\n");
    case Handler::ready:
      return api_.ready(request);
    case Handler::reload:
      return reload();
    case Handler::page:
      return page(request.head);
    case Handler::page_file:
      return page_file(request.head, rest);
  }
  return failure(404, "");
}

Answer Router::listen(const Request& request) {
  if (const auto refused = check_params(request.params, {})) return failure(*refused);
  Answer answer{.content_type = "text/event-stream",
                .headers = {{"X-Accel-Buffering", "no"}}};  // nginx must not collect
  if (request.head.method == "HEAD") return answer;
  std::shared_ptr<void> seat = events_.take_seat();
  if (!seat) {
    return failure(503, "there are " + std::to_string(events_.listeners_max()) +
                            " listeners already, which is all that there may be; try again later");
  }
  std::optional<std::string> last_event_id;
  if (const auto given = request.head.find("last-event-id")) last_event_id = std::string(*given);
  answer.goes_on = [this, seat = std::move(seat), last_event_id = std::move(last_event_id), client = request.client,
                    still = authenticator_.watch(request.head.find("authorization"))](Channel channel,
                                                                                      std::string head) {
    events_.listen({std::move(channel), std::move(head), last_event_id, client, seat, still});
  };
  return answer;
}

// As Prometheus answers: plain text, so that whoever edits the file reads it as it is.
Answer Router::reload() {
  if (!reload_) return failure(404, "there is no configuration to be read again");
  const Result<std::string> done = reload_();
  if (done) return plain(200, done->empty() ? "" : *done + "\n");
  Answer answer = plain(500, "failed to reload config: " + done.error().message + "\n");
  const ErrorKind kind = done.error().kind;
  if (kind == ErrorKind::busy || kind == ErrorKind::storage || kind == ErrorKind::cancelled) answer.status = 503;
  return answer;
}

Answer Router::unauthorized(const Request& request) {
  const bool given = request.head.find("authorization").has_value();
  return unauthorized(request, failure(401, authenticator_.hint(given)));
}

void Router::say_unauthorized(const Request& request) {
  if (const auto held_back = say_unauthorized_.now()) {
    log::info("request.unauthorized", {{"client", request.client},
                                       {"method", request.head.method},
                                       {"path", shown(request.path)},
                                       {"held_back", *held_back}});
  }
}

// Senders give up at a 401 and try again after a 503: once the file is put right, nothing is lost.
Answer Router::cannot_tell(const Request& request, std::string_view trouble) {
  say_unauthorized(request);
  return failure(503, trouble);
}

Answer Router::unauthorized(const Request& request, Answer answer) {
  say_unauthorized(request);
  std::vector<std::string> challenges = authenticator_.challenges();
  if (challenges.empty()) challenges.emplace_back(signature_header);
  for (std::string& challenge : challenges) answer.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  return answer;
}

Answer Router::read_only(const Request& request) {
  if (const auto held_back = say_read_only_.now()) {
    log::info("request.read_only", {{"client", request.client},
                                    {"user", request.user},
                                    {"method", request.head.method},
                                    {"path", shown(request.path)},
                                    {"held_back", *held_back}});
  }
  const std::string who = request.user.empty() ? "this token is one of read_only_token_file"
                                               : shown(request.user) + " is one of read_only_users";
  return failure(403, who + ", who may look at everything and change nothing");
}

Answer Router::foreign(const Request& request, const Refusal& refusal) {
  if (const auto held_back = say_foreign_.now()) {
    log::warn("request.foreign", {{"client", request.client},
                                  {"method", request.head.method},
                                  {"path", shown(request.path)},
                                  {"host", shown(request.head.find("host").value_or(""))},
                                  {"text", refusal.message},
                                  {"held_back", *held_back}});
  }
  return failure(refusal);
}

Answer Router::too_many_passwords(const Request& request) {
  if (const auto held_back = say_busy_.now()) {
    log::warn("request.too_many_passwords",
              {{"client", request.client},
               {"held_back", *held_back},
               {"text", "many unknown user names and passwords are tried; who is known already is not affected"}});
  }
  return failure(503, "too many passwords are being checked; try again soon");
}

Answer Router::refuse(const Head& head, const Refusal& refusal, std::string_view client) {
  count(head, sender(head), refusal.status);
  Answer answer = failure(refusal);
  say(head, client, answer);
  return answer;
}

Answer Router::failed(const Request& request, std::string_view what) {
  if (const auto held_back = say_failed_.now()) {
    log::error(
        "request.failed",
        {{"method", request.head.method}, {"path", shown(request.path)}, {"error", what}, {"held_back", *held_back}});
  }
  if (!Webhook::is_dry_run(request.params)) count(request.head, sender(request.head), 500);
  return failure(500, "the request could not be answered; the log says why");
}

void Router::count(const Head& head, Source source, int status) {
  if (is_notification(head)) metrics_.notification(source, status);
}

void Router::say(const Head& head, std::string_view client, const Answer& answer) {
  if (answer.status < 400 || answer.status == 401) return;
  log::debug("request.refused", {{"status", answer.status},
                                 {"client", client},
                                 {"method", head.method},
                                 {"path", shown(head.path())},
                                 {"answer", shown(answer.body)}});
}

}  // namespace alertscaler::receive
