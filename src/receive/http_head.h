// The head of one HTTP request, checked more strictly than the library does: what two parsers could understand
// differently (two lengths, bare line feeds, folded lines) is refused, so that nobody can smuggle a request in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alertscaler::receive {

// A request that is answered without being looked at further.
struct Refusal {
  int status = 400;
  std::string message;
  bool operator==(const Refusal&) const = default;
};

struct Head {
  std::string method;
  std::string target;                                        // "/path?query", whatever form it came in; only one ?
  int minor_version = 1;                                     // HTTP/1.x
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  std::optional<std::size_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  bool keep_alive = true;

  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  // The first value of that name (in lower case); absent when there is none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // The target without its query.
  [[nodiscard]] std::string_view path() const;
};

// Looks for the end of a head in what has arrived so far; each byte is looked at once.
class HeadScanner {
 public:
  // The length of the head with the empty line that ends it; absent: more is needed. A refusal: it will never be one.
  // REQUIRES: `arrived` is what the last call was given, with more at its end.
  [[nodiscard]] std::optional<std::size_t> scan(std::string_view arrived);
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  std::size_t looked_at_ = 0;
  std::size_t line_start_ = 0;
  bool any_line_ = false;
  std::optional<Refusal> refusal_;
};

// Fills `head` as far as it goes, for the log; absent: it is in order. REQUIRES: `text` is what HeadScanner found.
[[nodiscard]] std::optional<Refusal> parse_head(std::string_view text, Head& head);

}  // namespace alertscaler::receive
