#include "receive/page.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "page/files.h"

namespace alertscaler::receive {
namespace {

// Nothing from elsewhere, nothing inline: whatever text gets onto the page, it cannot run.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

bool takes_gzip(const Head& head) {
  for (const std::string& item : text::split(head.find("accept-encoding").value_or(""), ',')) {
    const auto parts = text::split(item, ';');
    if (text::to_lower(text::trim(parts.front())) != "gzip") continue;
    const std::string_view weight = parts.size() > 1 ? text::trim(parts[1]) : "";
    return weight.find_first_not_of("q=0.") != std::string_view::npos || weight.empty();
  }
  return false;
}

const page::File* find(std::string_view name) {
  const auto files = page::files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const page::File& f) { return f.name == name; });
  return found == files.end() ? nullptr : &*found;
}

Answer answer_with(const page::File& file, const Head& head, std::string_view cache) {
  Answer answer{.content_type = std::string(file.content_type),
                .headers = {{"Content-Security-Policy", std::string(policy)},
                            {"Referrer-Policy", "no-referrer"},
                            {"Cache-Control", std::string(cache)},
                            {"Vary", "Accept-Encoding"}}};
  const bool gzip = takes_gzip(head);
  answer.body = gzip ? file.gzip : file.plain;
  if (gzip) answer.headers.emplace_back("Content-Encoding", "gzip");
  return answer;
}

}  // namespace

Answer page(const Head& head) {
  Answer answer = answer_with(*find("index.html"), head, "no-cache");
  const std::string tag = "\"" + std::string(page::digest()) + "\"";
  answer.headers.emplace_back("ETag", tag);
  if (head.find("if-none-match").value_or("").find(tag) != std::string_view::npos) {
    answer.status = 304;
    answer.body.clear();
  }
  return answer;
}

Answer page_file(const Head& head, std::string_view rest) {
  const std::size_t slash = rest.find('/');
  const page::File* const file = rest.substr(0, slash) == page::digest() && slash != std::string_view::npos
                                     ? find(rest.substr(slash + 1))
                                     : nullptr;
  // The names change with every version: a page that is still open in some tab has loaded its files long ago.
  if (file == nullptr) return failure(404, "there is no such file of the page; load / anew");
  return answer_with(*file, head, "public, max-age=31536000, immutable");
}

}  // namespace alertscaler::receive
