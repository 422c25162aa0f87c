#include "receive/request.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace alertscaler::receive {

std::optional<Refusal> check_params(const Params& params, std::initializer_list<std::string_view> known) {
  constexpr std::size_t shown_bytes_max = 64;
  for (const auto& [name, value] : params) {
    const std::string shown = text::json_quote(text::shorten(name, shown_bytes_max));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::vector<std::string> candidates(known.begin(), known.end());
      const auto meant = name.size() > shown_bytes_max ? std::nullopt : text::nearest(name, candidates);
      std::string message = "unknown parameter " + shown;
      if (meant) {
        message.append("; did you mean ").append(*meant).append("?");
      } else {
        message += candidates.empty() ? "; there are none here" : "; expected " + text::join(candidates, ", ");
      }
      return Refusal{400, std::move(message)};
    }
    if (params.count(name) > 1) return Refusal{400, "the parameter " + shown + " is given more than once"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_encoding(const Head& head) {
  const auto encoding = head.find("content-encoding");
  if (!encoding || *encoding == "identity") return std::nullopt;
  return Refusal{400,
                 "expected the body without Content-Encoding, found " + text::json_quote(text::shorten(*encoding, 32))};
}

std::optional<std::string> param(const Params& params, const std::string& name) {
  const auto found = params.find(name);
  if (found == params.end()) return std::nullopt;
  return found->second;
}

}  // namespace alertscaler::receive
