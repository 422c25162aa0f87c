#include "alertscaler_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <httplib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "pause.h"

namespace shop {

using alertscaler::ErrorKind;
using alertscaler::fail;
using alertscaler::Result;
namespace text = alertscaler::text;

namespace {

constexpr int replicas_max = 1000;  // what is simulated for each of them is bounded as well

}  // namespace

std::optional<int> ready_replicas_in(std::string_view exposition, std::string_view target) {
  const std::string series = "alertscaler_target_ready_replicas{target=\"" + std::string(target) + "\"} ";
  for (const std::string& line : text::split(exposition, '\n')) {
    if (line.rfind(series, 0) != 0) continue;
    const std::optional<double> value = text::parse_number(text::trim(std::string_view(line).substr(series.size())));
    if (!value || !std::isfinite(*value) || *value < 0) return std::nullopt;
    return static_cast<int>(std::min<double>(*value, replicas_max));
  }
  return std::nullopt;
}

ReplicaWatch::ReplicaWatch(ReplicaSource source)
    : source_(std::move(source)), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

Result<int> ReplicaWatch::ask() const {
  const std::string doing = "GET " + source_.url + "/metrics";
  httplib::Client client(source_.url);
  if (!client.is_valid()) return fail(ErrorKind::invalid, doing + ": expected a URL like http://127.0.0.1:9095");
  client.set_connection_timeout(std::chrono::seconds{2});
  client.set_read_timeout(std::chrono::seconds{2});
  if (!source_.token_file.empty()) {
    const Result<std::string> token = alertscaler::read_file(source_.token_file);
    if (!token) return fail(token.error().wrap("read the token"));
    client.set_bearer_token_auth(std::string(text::trim(*token)));
  }
  const httplib::Result response = client.Get("/metrics");
  if (!response) return fail(ErrorKind::unreachable, doing + ": " + httplib::to_string(response.error()));
  if (response->status != 200) {
    return fail(ErrorKind::refused, doing + ": answered " + std::to_string(response->status) +
                                        (response->status == 401 ? "; pass --token.file" : ""));
  }
  const std::optional<int> ready = ready_replicas_in(response->body, source_.target);
  if (!ready) {
    return fail(ErrorKind::not_found,
                doing + ": no alertscaler_target_ready_replicas{target=\"" + source_.target + "\"}; is it configured?");
  }
  return *ready;
}

void ReplicaWatch::watch(const std::stop_token& stop) {
  std::string last_problem;
  do {
    const Result<int> answer = ask();
    const std::string problem = answer ? "" : answer.error().message;
    if (answer) {
      if (ready_.exchange(*answer) != *answer)
        alertscaler::log::info("replicas", {{"target", source_.target}, {"ready", *answer}});
    }
    if (problem != last_problem && !problem.empty())
      alertscaler::log::warn("replicas.unknown", {{"error", problem}, {"kept", ready()}});
    last_problem = problem;
  } while (pause_for(std::chrono::seconds{1}, stop));
}

}  // namespace shop
