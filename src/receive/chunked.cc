#include "receive/chunked.h"

#include <algorithm>
#include <charconv>

namespace alertscaler::receive {
namespace {

constexpr std::size_t line_bytes_max = 1024;
constexpr std::size_t size_digits_max = 12;
// Chunk sizes, extensions and trailers may not outweigh what they carry: a body in chunks of one byte is five times as
// long on the wire.
constexpr std::size_t overhead_per_byte_max = 8;
constexpr std::size_t overhead_free = 16U << 10U;

std::optional<std::size_t> parse_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find_first_of("; \t"));
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.size() > size_digits_max) {
    return std::nullopt;
  }
  return size;
}

}  // namespace

// `line` without its CR LF. False: refused.
bool ChunkedBody::take_line(std::string_view line) {
  line_bytes_ += line.size() + 2;
  if (line_bytes_ > overhead_free + overhead_per_byte_max * total_) {
    refuse(400, "the chunked body has more framing than content");
    return false;
  }
  if (state_ == State::data_end) {
    if (!line.empty()) refuse(400, "a chunk of the body is longer than its size says");
    state_ = State::size_line;
  } else if (state_ == State::trailer) {
    if (line.empty()) state_ = State::done;
  } else {
    const auto size = parse_size(line);
    if (!size) {
      refuse(400, "expected the size of a chunk in hexadecimal digits");
    } else if (*size > bytes_max_ - total_) {
      refuse(413, "");
    } else {
      left_ = *size;
      state_ = left_ == 0 ? State::trailer : State::data;
    }
  }
  return !refusal_;
}

std::size_t ChunkedBody::take(std::string_view arrived, std::string& body) {
  std::size_t at = 0;
  while (at < arrived.size() && !done() && !refusal_) {
    if (state_ == State::data) {
      const std::size_t count = std::min(left_, arrived.size() - at);
      body.append(arrived.substr(at, count));
      at += count;
      left_ -= count;
      total_ += count;
      if (left_ == 0) state_ = State::data_end;
      continue;
    }
    const std::size_t feed = arrived.find('\n', at);
    const std::size_t end = feed == std::string_view::npos ? arrived.size() : feed + 1;
    line_.append(arrived.substr(at, end - at));
    at = end;
    if (line_.size() > line_bytes_max) {
      refuse(400, "a line between the chunks of the body is longer than 1 KiB");
    } else if (feed != std::string_view::npos) {
      if (!line_.ends_with("\r\n")) {
        refuse(400, "expected every line between the chunks of the body to end with CR LF");
      } else if (!take_line(std::string_view(line_).substr(0, line_.size() - 2))) {
        break;
      }
      line_.clear();
    }
  }
  return at;
}

}  // namespace alertscaler::receive
