// What every fallible function returns: a value, or an error that says what the caller may do about it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace alertscaler {

// Code branches on the kind alone; the text is for people.
enum class ErrorKind {
  invalid,      // the request itself is wrong; sending it again cannot help
  not_found,    // what it names does not exist
  conflict,     // somebody else changed it; observe and decide again
  busy,         // the same, later
  unreachable,  // no answer, or one that says nothing about the request; the same, later
  refused,      // a person must act: permission, or what was asked cannot be done
  storage,      // what was written may or may not be on the disk; nothing more may be written
  cancelled,    // the program is stopping
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::invalid;
  std::string message;

  // Adds what was being done, outermost first: "scale web to 4: POST /containers/create: no such image".
  [[nodiscard]] Error wrap(std::string_view doing) && {
    message.insert(0, ": ").insert(0, doing);
    return std::move(*this);
  }
  [[nodiscard]] Error wrap(std::string_view doing) const& { return Error(*this).wrap(doing); }

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace alertscaler
