#include "act/advisory.h"

#include "base/text.h"

namespace alertscaler {
namespace {

class AdvisoryBackend final : public Backend {
 public:
  AdvisoryBackend(const TargetName& target, const Advisory& settings, Keep& keep)
      : key_("advisory/" + target.text), initial_(settings.initial), keep_(keep) {}

  Result<Observed> observe(const std::optional<Change>&, std::stop_token) override {
    const auto kept = keep_.get(key_);
    const int replicas = kept ? text::parse_int(*kept).value_or(initial_) : initial_;
    Observed observed;
    observed.replicas = observed.ready = replicas;
    return observed;
  }

  Status apply(const Change& change, std::stop_token) override { return keep_.put(key_, std::to_string(change.to)); }

  Status clean_up(const Change&, std::stop_token) override { return {}; }

 private:
  const std::string key_;
  const int initial_;
  Keep& keep_;
};

}  // namespace

std::unique_ptr<Backend> make_advisory(const TargetName& target, const Advisory& settings, Keep& keep) {
  return std::make_unique<AdvisoryBackend>(target, settings, keep);
}

}  // namespace alertscaler
