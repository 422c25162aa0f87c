#include "receive/http_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace alertscaler::receive {
namespace {

constexpr std::size_t headers_max = 100;
constexpr std::size_t method_bytes_max = 32;
// Below what the HTTP library takes for a line (8192), so that it never has an opinion of its own. What counts is what
// it gets to read.
constexpr std::size_t target_bytes_max = 8000;
constexpr std::size_t length_digits_max = 15;

using Parsed = std::optional<Refusal>;
const Parsed in_order;

Refusal bad(std::string message) {
  return {400, std::move(message)};
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string_view trim_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// A second question mark belongs to the query, but not every version of the HTTP library knows.
std::string with_one_query(std::string_view target) {
  const std::size_t query = std::min(target.find('?'), target.size() - 1);
  std::string out(target.substr(0, query + 1));
  for (const char c : target.substr(query + 1)) {
    if (c == '?') {
      out += "%3F";
    } else {
      out += c;
    }
  }
  return out;
}

// What may stand in for the target: "/path", "http://host/path", "*".
Parsed parse_target(std::string_view target, Head& head) {
  const bool printable = std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!printable || target.find('#') != std::string_view::npos) {
    return bad("the request's path holds a character that must be percent-encoded");
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text::to_lower(target.substr(0, scheme.size())).starts_with(scheme)) continue;
    const std::size_t path = target.find('/', scheme.size());
    target = path == std::string_view::npos ? "/" : target.substr(path);
    break;
  }
  if (target != "*" && !target.starts_with('/')) return bad("expected a path that begins with /");
  std::string one_query = with_one_query(target);
  if (one_query.size() > target_bytes_max) {
    return Refusal{414, "the request's path and query are longer than " + std::to_string(target_bytes_max) + " bytes"};
  }
  head.target = std::move(one_query);
  return in_order;
}

Parsed parse_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return bad("expected a request line such as \"POST /webhook HTTP/1.1\"");
  }
  const std::string_view method = line.substr(0, first);
  if (method.size() > method_bytes_max || !is_token(method)) {
    return bad("expected an HTTP method at the start of the request");
  }
  head.method = method;
  const std::string_view version = line.substr(last + 1);
  if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else if (version != "HTTP/1.1") {
    const bool other = version.starts_with("HTTP/");
    return Refusal{other ? 505 : 400, "expected HTTP/1.1 or HTTP/1.0"};
  }
  return parse_target(line.substr(first + 1, last - first - 1), head);
}

Parsed parse_header(std::string_view line, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') return bad("a header is folded over several lines");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return bad("expected a header such as \"Name: value\"");
  }
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return bad("a header holds a control character");
  }
  if (head.headers.size() == headers_max) {
    return Refusal{431, "the request has more than " + std::to_string(headers_max) + " headers"};
  }
  head.headers.emplace_back(text::to_lower(line.substr(0, colon)), value);
  return in_order;
}

Parsed parse_length(std::string_view value, Head& head) {
  std::size_t length = 0;
  const bool digits =
      !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return bad("expected one number of bytes as Content-Length");
  if (head.content_length) return bad("the request has more than one Content-Length");
  if (value.size() > length_digits_max) return Refusal{413, "the Content-Length is beyond all limits"};
  std::from_chars(value.data(), value.data() + value.size(), length);
  head.content_length = length;
  return in_order;
}

Parsed parse_encoding(std::string_view value, Head& head) {
  if (head.minor_version == 0) return bad("HTTP/1.0 has no Transfer-Encoding");
  if (head.chunked) return bad("the request has more than one Transfer-Encoding");
  if (text::to_lower(value) != "chunked") return Refusal{501, "expected chunked as the only Transfer-Encoding"};
  head.chunked = true;
  return in_order;
}

Parsed parse_connection(std::string_view value, Head& head, bool& asked_to_keep) {
  for (const std::string& part : text::split(value, ',')) {
    const std::string option = text::to_lower(trim_blanks(part));
    if (option == "close") head.keep_alive = false;
    if (option == "keep-alive") asked_to_keep = true;
  }
  return in_order;
}

Parsed parse_expect(std::string_view value, Head& head) {
  if (head.minor_version == 0) return in_order;  // RFC 9110, 10.1.1: to be ignored
  if (text::to_lower(value) != "100-continue") return Refusal{417, "expected 100-continue as the only expectation"};
  head.expects_continue = true;
  return in_order;
}

// What the headers say about how long the body is and what becomes of the connection.
Parsed parse_framing(Head& head) {
  std::size_t hosts = 0;
  bool asked_to_keep = false;
  for (const auto& [name, value] : head.headers) {
    Parsed refused;
    if (name == "host") ++hosts;
    if (name == "content-length") refused = parse_length(value, head);
    if (name == "transfer-encoding") refused = parse_encoding(value, head);
    if (name == "connection") refused = parse_connection(value, head, asked_to_keep);
    if (name == "expect") refused = parse_expect(value, head);
    if (refused) return refused;
  }
  if (head.minor_version == 0 && !asked_to_keep) head.keep_alive = false;
  if (head.content_length && head.chunked) return bad("the request has both Content-Length and Transfer-Encoding");
  if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) return bad("expected one Host header");
  return in_order;
}

}  // namespace

std::optional<std::string_view> Head::find(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view Head::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::optional<std::size_t> HeadScanner::scan(std::string_view arrived) {
  // Whoever begins a TLS handshake would wait for an answer without ever sending a line.
  if (!arrived.empty() && is_control(arrived.front()) && arrived.front() != '\r' && arrived.front() != '\n') {
    refusal_ = bad("expected an HTTP request; this port does not speak TLS");
  }
  while (!refusal_) {
    const std::size_t feed = arrived.find('\n', looked_at_);
    if (feed == std::string_view::npos) {
      looked_at_ = arrived.size();
      return std::nullopt;
    }
    looked_at_ = feed + 1;
    if (feed == line_start_ || arrived[feed - 1] != '\r') {
      refusal_ = bad("expected every line of the request's head to end with CR LF");
      return std::nullopt;
    }
    const bool empty = feed == line_start_ + 1;
    line_start_ = feed + 1;
    // RFC 9112, 2.2: empty lines before the request are to be passed over.
    if (empty && any_line_) return line_start_;
    any_line_ = any_line_ || !empty;
  }
  return std::nullopt;
}

std::optional<Refusal> parse_head(std::string_view text, Head& head) {
  while (text.starts_with("\r\n")) text.remove_prefix(2);
  bool first = true;
  while (!text.empty() && !text.starts_with("\r\n")) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    const Parsed refused = first ? parse_request_line(line, head) : parse_header(line, head);
    if (refused) return refused;
    first = false;
    text.remove_prefix(end + 2);
  }
  return parse_framing(head);
}

}  // namespace alertscaler::receive
