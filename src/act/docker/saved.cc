#include "act/docker/saved.h"

namespace alertscaler::docker {
namespace {

constexpr int format = 1;

// JSON holds text only, so that a file's bytes are written as hexadecimal digits.
std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {digits[byte >> 4U], digits[byte & 0xFU]};
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  const auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = value(hex[i]);
    const int low = value(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace

std::string saved_key(std::string_view project, std::string_view service) {
  return "compose/" + std::string(project) + "/" + std::string(service);
}

std::string to_text(const Saved& saved) {
  Json files = Json::array();
  for (const CopiedFile& file : saved.files) files.push_back({{"path", file.path}, {"tar", to_hex(file.tar)}});
  Json document = {{"format", format}, {"recipe", to_json(saved.recipe)}, {"files", files}};
  if (saved.limit) document["limit"] = {{"replicas_max", saved.limit->replicas_max}, {"why", saved.limit->why}};
  return dump(document);
}

std::optional<Saved> saved_from(std::string_view text) {
  const auto document = parse_json(text);
  if (!document || int_at(*document, "format") != format) return std::nullopt;
  const auto recipe = recipe_from(at(*document, "recipe"));
  if (!recipe) return std::nullopt;
  Saved saved{*recipe, {}, {}};
  const Json& files = at(*document, "files");
  for (const Json& file : files.is_array() ? files : Json::array()) {
    auto tar = from_hex(string_at(file, "tar"));
    if (!tar) return std::nullopt;
    saved.files.push_back({string_at(file, "path"), *std::move(tar)});
  }
  const Json& limit = at(*document, "limit");
  if (limit.is_object()) {
    saved.limit = Limit{static_cast<int>(int_at(limit, "replicas_max")), string_at(limit, "why")};
  }
  return saved;
}

}  // namespace alertscaler::docker
