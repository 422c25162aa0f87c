#include "base/regex.h"

#include <re2/re2.h>

namespace alertscaler {
namespace {

RE2::Options options() {
  RE2::Options out;  // UTF-8, a dot is no line break, at most 8 MiB of memory
  out.set_log_errors(false);
  return out;
}

}  // namespace

struct Regex::Compiled {
  explicit Compiled(std::string_view pattern) : re({pattern.data(), pattern.size()}, options()) {}
  const RE2 re;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  auto compiled = std::make_shared<const Compiled>(pattern);
  if (!compiled->re.ok()) return fail(ErrorKind::invalid, compiled->re.error());
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  return RE2::FullMatch({text.data(), text.size()}, compiled_->re);
}

}  // namespace alertscaler
