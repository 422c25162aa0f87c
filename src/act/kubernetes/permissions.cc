#include "act/kubernetes/permissions.h"

#include <utility>

#include "act/kubernetes/json.h"

namespace alertscaler::kubernetes {
namespace {

constexpr Duration ask_again_after = std::chrono::seconds{30};

ApiRequest question(const Right& right) {
  Json attributes = {{"group", right.group}, {"resource", right.resource}, {"verb", right.verb}};
  if (!right.name_space.empty()) attributes["namespace"] = right.name_space;
  if (!right.subresource.empty()) attributes["subresource"] = right.subresource;
  if (!right.name.empty()) attributes["name"] = right.name;
  ApiRequest request;
  request.method = "POST";
  request.path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  request.body = Json{{"apiVersion", "authorization.k8s.io/v1"},
                      {"kind", "SelfSubjectAccessReview"},
                      {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  return request;
}

}  // namespace

Permissions::Permissions(ApiServer& server, std::vector<Right> needed, const Clock& clock)
    : server_(server), needed_(std::move(needed)), clock_(clock) {}

void Permissions::need(std::vector<Right> needed) {
  if (needed == needed_) return;
  needed_ = std::move(needed);
  doubt();
}

std::optional<std::string> Permissions::missing(const std::stop_token& stop) {
  const Instant now = clock_.now();
  const bool known = asked_ && (missing_.empty() || (now >= *asked_ && now - *asked_ < ask_again_after));
  if (!known) {
    std::vector<ApiRequest> questions;
    for (const Right& right : needed_) questions.push_back(question(right));
    const auto answers = server_.send_all(questions, stop);
    missing_.clear();
    asked_ = now;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) {
        asked_.reset();
      } else if (!bool_at(*answers[i], "status", "allowed")) {
        missing_.push_back(needed_[i]);
      }
    }
  }
  if (missing_.empty()) return std::nullopt;
  return rules_for(missing_);
}

}  // namespace alertscaler::kubernetes
