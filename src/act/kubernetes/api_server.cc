#include "act/kubernetes/api_server.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "act/kubernetes/credentials.h"
#include "act/kubernetes/words.h"
#include "base/encoding.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"

namespace alertscaler::kubernetes {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int tries_max = 4;
constexpr Duration first_wait{100};
constexpr int wait_growth = 3;
constexpr Duration least_time{50};  // less than this is no time for a try
constexpr std::size_t warnings_max = 100;
constexpr int page_size = 500;
constexpr int pages_max = 200;

// One request on its way to an answer.
struct Way {
  const ApiRequest* request = nullptr;
  Steady::time_point deadline;
  int tries = 0;
  bool renewed = false;  // credentials, for this request
  std::optional<ApiResult<Json>> ended;
};

Duration left(const Way& way) {
  return std::chrono::duration_cast<Duration>(way.deadline - Steady::now());
}

// The server gives up a little before we do, so that we hear of it, and nothing is done when nobody waits any more.
std::string with_timeout(const ApiRequest& request) {
  const auto seconds =
      std::max<Duration::rep>(1, std::chrono::floor<std::chrono::seconds>(request.timeout).count() - 1);
  return request.path + (request.path.find('?') == std::string::npos ? "?" : "&") +
         "timeout=" + std::to_string(seconds) + "s";
}

bool may_pass_by_itself(const ApiError& error) {
  if (error.code == 500) return error.retry_after.has_value();
  return error.error.kind == ErrorKind::busy || (error.error.kind == ErrorKind::unreachable && error.code != 200);
}

// Can it be sent again without doing anything twice, and is there hope?
bool may_try_again(const Way& way, const ApiError& error) {
  if (way.tries >= tries_max || !may_pass_by_itself(error)) return false;
  if (!changes(*way.request)) return true;
  const bool throttled = error.code == 429 && error.retry_after && error.reason.empty();
  return throttled || (error.code == 0 && !error.maybe_done);
}

// Certificates of either side that have been replaced show so. Nothing was done then.
bool is_about_trust(const HttpResult& result) {
  using Why = HttpError::Why;
  return !result && (result.error().why == Why::not_trusted || result.error().why == Why::tls);
}

Duration wait_before(const Way& way, const ApiError& error) {
  if (error.retry_after) return *error.retry_after;
  Duration wait = first_wait;
  for (int i = 1; i < way.tries; ++i) wait *= wait_growth;
  return wait;
}

// False: stop was requested.
bool wait_for(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

struct ApiServer::Inner {
  // Connections made with one identity.
  struct Line {
    Identity identity;
    std::shared_ptr<HttpClient> client;
  };

  Inner(KubernetesAccess given, HttpObserver given_observer)
      : access(std::move(given)), observer(std::move(given_observer)), credentials(access, clock) {}

  // Other certificates need other connections.
  std::shared_ptr<HttpClient> client_for(const Identity& identity) {
    return line.with([&](std::optional<Line>& known) {
      if (!known || !known->identity.same_connection(identity)) {
        known = Line{identity, std::make_shared<HttpClient>(peer_of(access, identity), observer)};
      }
      return known->client;
    });
  }

  HttpRequest http_request(const Way& way, const Identity& identity) const {
    const ApiRequest& request = *way.request;
    HttpRequest made;
    made.method = request.method;
    made.path = changes(request) ? with_timeout(request) : request.path;
    made.timeout = std::max(left(way), least_time);
    made.headers.emplace_back("Accept: application/json");
    if (request.body) {
      made.body = dump(*request.body);
      made.content_type = request.content_type;
    }
    put_identity(access, identity, made);
    return made;
  }

  void warn_once(const HttpResponse& response, const ApiRequest& request) {
    const auto header = response.headers.find("warning");
    if (header == response.headers.end()) return;
    const bool news = warned.with([&](std::set<std::string>& known) {
      return known.size() < warnings_max && known.insert(header->second).second;
    });
    if (news) {
      log::warn("kubernetes.warning",
                {{"request", told(request)}, {"text", text::shorten(header->second, std::size_t{300})}});
    }
  }

  ApiResult<Json> judged(const HttpResult& result, const ApiRequest& request) {
    if (!result) return tl::unexpected<ApiError>(no_answer(result.error(), request, access));
    if (result->code / 100 != 2) return tl::unexpected<ApiError>(bad_answer(*result, request, access));
    warn_once(*result, request);
    if (result->date) date.with([&](auto& latest) { latest = result->date; });
    auto document = parse_json(result->body);
    if (!document) return tl::unexpected<ApiError>(no_json(*result, request));
    return *std::move(document);
  }

  // One try of all that have not ended. The time to wait before the next one; absent: all have ended.
  std::optional<Duration> round(std::span<Way> ways, const std::stop_token& stop);
  void run(std::span<Way> ways, const std::stop_token& stop);

  struct Told {
    Steady::time_point at;
    Json items;
  };

  const KubernetesAccess access;
  const HttpObserver observer;
  std::optional<Error> why_not;
  const SystemClock clock;
  Credentials credentials;
  Guarded<std::optional<Line>> line;
  Guarded<std::set<std::string>> warned;
  Guarded<std::optional<Instant>> date{};
  Guarded<std::map<std::string, Told>> lists;  // by path
};

std::optional<Duration> ApiServer::Inner::round(std::span<Way> ways, const std::stop_token& stop) {
  std::vector<Way*> open;
  for (Way& way : ways) {
    if (!way.ended) open.push_back(&way);
  }
  const auto identity = why_not ? Result<Identity>(fail(*why_not)) : credentials.current(stop);
  if (!identity) {
    for (Way* way : open) {
      ApiError error;
      error.error = identity.error().wrap(told(*way->request));
      way->ended = tl::unexpected<ApiError>(std::move(error));
    }
    return std::nullopt;
  }
  std::vector<HttpRequest> requests;
  requests.reserve(open.size());
  for (const Way* way : open) requests.push_back(http_request(*way, *identity));
  const std::vector<HttpResult> results = client_for(*identity)->send_all(requests, stop);
  std::optional<Duration> wait;
  for (std::size_t i = 0; i < open.size(); ++i) {
    Way& way = *open[i];
    ++way.tries;
    ApiResult<Json> result = judged(results[i], *way.request);
    const bool doubtful = !result && (result.error().code == 401 || is_about_trust(results[i]));
    if (doubtful && !std::exchange(way.renewed, true) && credentials.renew(*identity, stop)) {
      wait = std::max(wait.value_or(Duration{0}), Duration{0});
      continue;
    }
    if (!result && may_try_again(way, result.error())) {
      const Duration pause = wait_before(way, result.error());
      if (pause + least_time < left(way)) {
        wait = std::max(wait.value_or(Duration{0}), pause);
        continue;
      }
    }
    way.ended = std::move(result);
  }
  return wait;
}

void ApiServer::Inner::run(std::span<Way> ways, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::optional<Duration> wait = round(ways, stop);
    if (!wait) return;
    if (*wait > Duration{0} && !wait_for(*wait, stop)) break;
  }
  for (Way& way : ways) {
    if (way.ended) continue;
    way.ended = tl::unexpected<ApiError>(no_answer({HttpError::Why::cancelled, false, ""}, *way.request, access));
  }
}

ApiServer::ApiServer(KubernetesAccess access, HttpObserver observer)
    : inner_(std::make_unique<Inner>(std::move(access), std::move(observer))) {}
ApiServer::ApiServer(Error why_not) : ApiServer(KubernetesAccess{}) {
  inner_->why_not = std::move(why_not);
}
ApiServer::~ApiServer() = default;

ApiResult<Json> ApiServer::send(const ApiRequest& request, const std::stop_token& stop) {
  return std::move(send_all({&request, 1}, stop).front());
}

std::vector<ApiResult<Json>> ApiServer::send_all(std::span<const ApiRequest> requests, const std::stop_token& stop) {
  std::vector<Way> ways;
  ways.reserve(requests.size());
  for (const ApiRequest& request : requests) {
    Way& way = ways.emplace_back();
    way.request = &request;
    way.deadline = Steady::now() + request.timeout;
  }
  inner_->run(ways, stop);
  std::vector<ApiResult<Json>> results;
  results.reserve(ways.size());
  for (Way& way : ways) results.push_back(*std::move(way.ended));
  return results;
}

ApiResult<Json> ApiServer::get(const std::string& path, const std::stop_token& stop) {
  ApiRequest request;
  request.path = path;
  return send(request, stop);
}

ApiResult<Json> ApiServer::list(const std::string& path, const std::stop_token& stop) {
  const std::string first = path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=";
  Json items = Json::array();
  std::string page = first + std::to_string(page_size);
  for (int pages = 0; pages < pages_max; ++pages) {
    ApiResult<Json> answer = get(page, stop);
    // The list that was begun is too old to be gone on with: all of it in one go.
    if (!answer && answer.error().code == 410 && pages > 0) {
      items = Json::array();
      page = path;
      answer = get(page, stop);
    }
    if (!answer) return tl::unexpected<ApiError>(std::move(answer).error());
    const Json& more = at(*answer, "items");
    // Go writes a list of nothing as null. Anything else is no list, and must not be taken for an empty one.
    if (!more.is_array() && !(more.is_null() && string_at(*answer, "kind").ends_with("List"))) {
      ApiError error;
      error.code = 200;
      error.error = {ErrorKind::unreachable,
                     "GET " + path + ": the answer is no list, as from a proxy that is not the API server"};
      return tl::unexpected<ApiError>(std::move(error));
    }
    for (const Json& item : more.is_array() ? more : Json::array()) items.push_back(item);
    const std::string next = string_at(*answer, "metadata", "continue");
    if (next.empty()) return items;
    page = first + std::to_string(page_size) + "&continue=" + escape(next);
  }
  ApiError error;
  error.error = {ErrorKind::invalid, "GET " + path + ": more than " + std::to_string(page_size * pages_max) +
                                         " objects; narrow it by a selector"};
  return tl::unexpected<ApiError>(std::move(error));
}

ApiResult<Json> ApiServer::list_shared(const std::string& path, Duration age, const std::stop_token& stop) {
  const auto asked_at = Steady::now();
  auto known = inner_->lists.with([&](auto& lists) -> std::optional<Json> {
    std::erase_if(lists, [&](const auto& entry) { return asked_at - entry.second.at >= age; });
    const auto found = lists.find(path);
    return found == lists.end() ? std::nullopt : std::optional(found->second.items);
  });
  if (known) return *std::move(known);
  ApiResult<Json> items = list(path, stop);
  if (items && age > Duration{0}) {
    inner_->lists.with([&](auto& lists) { lists.insert_or_assign(path, Inner::Told{asked_at, *items}); });
  }
  return items;
}

ApiResult<Json> ApiServer::post(const std::string& path, const Json& body, const std::stop_token& stop) {
  ApiRequest request;
  request.method = "POST";
  request.path = path;
  request.body = body;
  return send(request, stop);
}

ApiResult<Json> ApiServer::merge_patch(const std::string& path, const Json& body, const std::stop_token& stop) {
  ApiRequest request;
  request.method = "PATCH";
  request.path = path;
  request.body = body;
  request.content_type = "application/merge-patch+json";
  return send(request, stop);
}

ApiResult<Json> ApiServer::remove(const std::string& path, const std::string& uid, const std::stop_token& stop) {
  ApiRequest request;
  request.method = "DELETE";
  request.path = path;
  request.body = Json{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", uid}}}};
  return send(request, stop);
}

std::optional<Instant> ApiServer::date() const {
  return inner_->date.with([](const auto& latest) { return latest; });
}

std::string escape(std::string_view text) {
  return text::percent_encode(text);
}

}  // namespace alertscaler::kubernetes
