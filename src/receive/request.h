// A request as the handlers see it, and its parameters.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "receive/body.h"
#include "receive/http_head.h"

namespace alertscaler::receive {

using Params = std::multimap<std::string, std::string>;

struct Request {
  const Head& head;
  std::string path;  // decoded
  Params params;     // decoded
  std::string client;
  std::string user{};     // whom authentication found; empty: nobody in particular
  bool may_write = true;  // what authentication found as well
  // Reads the body; at most once. A refusal of status 0: the client has gone.
  std::function<tl::expected<Body, Refusal>(Sender)> read_body;

  // Who asks, for the history.
  [[nodiscard]] const std::string& who() const { return user.empty() ? client : user; }
};

// A misspelt parameter must not be passed over: a ?dryrun=true that acts would be a bad surprise.
[[nodiscard]] std::optional<Refusal> check_params(const Params& params, std::initializer_list<std::string_view> known);
// Absent: the body is as it was written, not compressed.
[[nodiscard]] std::optional<Refusal> check_encoding(const Head& head);
// The value; empty text when it was given empty. REQUIRES: check_params accepted.
[[nodiscard]] std::optional<std::string> param(const Params& params, const std::string& name);

}  // namespace alertscaler::receive
