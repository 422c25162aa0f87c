// A chunked body, taken apart as it arrives.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "receive/http_head.h"

namespace alertscaler::receive {

class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Appends what `arrived` brings to `body`; how much of `arrived` belongs to this body and was used up. All of it,
  // unless done() or refusal().
  [[nodiscard]] std::size_t take(std::string_view arrived, std::string& body);
  [[nodiscard]] bool done() const { return state_ == State::done; }
  // 400: malformed; 413: longer than bytes_max.
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  enum class State { size_line, data, data_end, trailer, done };

  bool take_line(std::string_view line);
  void refuse(int status, std::string message) { refusal_ = Refusal{status, std::move(message)}; }

  std::size_t bytes_max_;
  State state_ = State::size_line;
  std::string line_;            // a line that has arrived in part
  std::size_t left_ = 0;        // of the chunk
  std::size_t total_ = 0;       // of all chunks so far
  std::size_t line_bytes_ = 0;  // of all lines so far that carry nothing
  std::optional<Refusal> refusal_;
};

}  // namespace alertscaler::receive
