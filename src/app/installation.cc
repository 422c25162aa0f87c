#include "app/installation.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "base/log.h"

namespace alertscaler::app {
namespace {

constexpr std::string_view kept_as = "installation";

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): never set by us
  return value == nullptr ? "" : value;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// Of what Kubernetes makes up, which has no vowels: https://github.com/kubernetes/apimachinery (util/rand).
bool is_made_up(std::string_view text) {
  return !text.empty() && text.find_first_not_of("bcdfghjklmnpqrstvwxz2456789") == std::string_view::npos;
}

// "alertscaler-7d4f9c5b6c-x2x5z" is "alertscaler"; "alertscaler-0" stays.
std::string without_hashes(const std::string& pod) {
  constexpr std::size_t suffix_size = 5;
  const std::size_t last = pod.rfind('-');
  const std::size_t before = last == std::string::npos || last == 0 ? last : pod.rfind('-', last - 1);
  if (last == std::string::npos || before == std::string::npos || before == 0) return pod;
  const std::string_view text = pod;
  const bool of_deployment = text.size() - last - 1 == suffix_size && is_made_up(text.substr(last + 1)) &&
                             is_made_up(text.substr(before + 1, last - before - 1));
  return of_deployment ? pod.substr(0, before) : pod;
}

}  // namespace

Surroundings surroundings(const std::string& storage_path) {
  std::error_code ignored;
  const auto absolute = std::filesystem::weakly_canonical(storage_path, ignored);
  return {environment("POD_NAMESPACE"), environment("POD_NAME"), host_name(),
          absolute.empty() ? storage_path : absolute.string()};
}

std::string name_for(const Surroundings& around) {
  if (!around.pod.empty() && !around.pod_namespace.empty()) {
    return around.pod_namespace + "/" + without_hashes(around.pod);
  }
  return around.host + ":" + around.storage_path;
}

std::string installation(Keep& keep, const Surroundings& around) {
  if (auto known = keep.get(kept_as); known && !known->empty()) return *std::move(known);
  std::string name = name_for(around);
  if (const Status kept = keep.put(kept_as, name); !kept) {
    log::warn("installation.not_kept", {{"name", name}, {"error", kept.error().message}});
  }
  return name;
}

}  // namespace alertscaler::app
