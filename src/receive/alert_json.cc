#include "receive/alert_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace alertscaler::receive::json {
namespace {

// A link that is longer is no use when it is cut off, and so is left out.
constexpr std::size_t url_bytes_max = 4096;

static_assert(body_padding >= simdjson::SIMDJSON_PADDING);

// Grafana's payload is 5 deep.
constexpr std::size_t depth_max = 32;
constexpr std::size_t quoted_bytes_max = 100;

// Where in a body that is no JSON the first mistake is. Only such bodies are ever parsed a second time.
class MistakeFinder {
 public:
  using json = nlohmann::json;
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(json::number_integer_t) { return true; }
  bool number_unsigned(json::number_unsigned_t) { return true; }
  bool number_float(json::number_float_t, const std::string&) { return true; }
  bool string(std::string&) { return true; }
  bool binary(json::binary_t&) { return true; }
  bool start_object(std::size_t) { return true; }
  bool key(std::string&) { return true; }
  bool end_object() { return true; }
  bool start_array(std::size_t) { return true; }
  bool end_array() { return true; }
  bool parse_error(std::size_t, const std::string&, const json::exception& error) {
    const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line …"
    const std::size_t id_end = what.find("] ");
    constexpr std::size_t text_bytes_max = 300;
    found_ = text::shorten(id_end == std::string_view::npos ? what : what.substr(id_end + 2), text_bytes_max);
    return false;
  }
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::string found_;
};

Refusal not_json(std::string_view text, simdjson::error_code error, std::string_view shape) {
  if (error == simdjson::DEPTH_ERROR) {
    return bad("the body is nested deeper than " + std::to_string(depth_max) + " levels; " + std::string(shape));
  }
  if (error == simdjson::MEMALLOC) return {503, "there is no memory for a body of this size"};
  MistakeFinder finder;
  const bool accepted = nlohmann::json::sax_parse(text.begin(), text.end(), &finder);
  const std::string why = accepted ? simdjson::error_message(error) : finder.found();
  return bad("the body is not JSON that can be used: " + why + "; " + std::string(shape));
}

void note(Delivered& alert, std::string problem) {
  if (alert.problem.empty()) alert.problem = std::move(problem);
}

// `what` is "labels" or "annotations".
void read_labels(const dom::element& value, std::string_view what, const Limits& limits, Delivered& alert,
                 Labels& labels) {
  if (value.is_null()) return;
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return note(alert, wrong_type(what, "an object", value));
  std::size_t count = 0;
  for (const dom::key_value_pair pair : object) {
    std::string_view text;
    if (++count > limits.labels_per_alert_max) {
      return note(alert, "more than " + std::to_string(limits.labels_per_alert_max) + " " + std::string(what));
    }
    if (pair.key.empty()) return note(alert, std::string(what) + ": a name is empty");
    if (pair.value.get(text) != simdjson::SUCCESS) {
      note(alert, wrong_type(std::string(what) + ": " + in_quotes(pair.key), "a string", pair.value));
      continue;
    }
    if (text.empty()) continue;  // to Prometheus the same as no label
    const std::size_t before = labels.size();
    labels.emplace_hint(labels.end(), pair.key, text);  // senders sort them
    if (labels.size() == before) note(alert, std::string(what) + ": " + in_quotes(pair.key) + " is given twice");
  }
}

void read_time(const dom::element& value, std::string_view what, Delivered& alert, std::optional<Instant>& time) {
  if (value.is_null()) return;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return note(alert, wrong_type(what, "an RFC 3339 time", value));
  if (text.empty()) return;
  const auto parsed = text::parse_time(text);
  if (!parsed) return note(alert, std::string(what) + ": expected an RFC 3339 time, found " + in_quotes(text));
  if (!text::is_zero_time(*parsed)) time = *parsed;
}

bool is_fingerprint(std::string_view text) {
  return text.size() == 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void read_status(const dom::element& value, Delivered& alert) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return note(alert, wrong_type("status", R"("firing" or "resolved")", value));
  }
  alert.status = text::shorten(text, quoted_bytes_max);
  alert.resolved = text == "resolved";
  if (!alert.resolved && text != "firing") {
    note(alert, R"(status: expected "firing" or "resolved", found )" + in_quotes(text));
  }
}

// Grafana's {"B": 22.5, "C": 1}, the number of each query, for people. It is kept as the annotation in which Grafana
// itself carries it; what is no number is passed over, since nothing depends on it.
void read_values(const dom::element& value, const Limits& limits, Labels& annotations) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return;
  std::string text;
  std::size_t count = 0;
  for (const dom::key_value_pair pair : object) {
    double number = 0;
    if (++count > limits.labels_per_alert_max) break;
    if (pair.value.get(number) != simdjson::SUCCESS) continue;
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text += (text.empty() ? "{" : ",") + text::json_quote(pair.key) + ":" + std::string(digits.data(), end);
  }
  if (!text.empty()) annotations.insert_or_assign("__values__", text + "}");
}

}  // namespace

std::string_view type_of(const dom::element& value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a string";
    case dom::element_type::BOOL:
      return "a boolean";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

std::string in_quotes(std::string_view text) {
  return text::json_quote(text::shorten(text, quoted_bytes_max));
}

// "status": expected a string, found a number
std::string wrong_type(std::string_view what, std::string_view expected, const dom::element& found) {
  return std::string(what) + ": expected " + std::string(expected) + ", found " + std::string(type_of(found));
}

tl::expected<dom::element, Refusal> parse(const Body& body, std::string_view shape, dom::parser& parser) {
  std::string_view text = body.text();
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return tl::unexpected(bad("the body is UTF-16; expected UTF-8. " + std::string(shape)));
  }
  if (text::trim(text).empty()) return tl::unexpected(bad("the body is empty; " + std::string(shape)));
  dom::element root;
  simdjson::error_code error = parser.allocate(text.size(), depth_max);
  if (error == simdjson::SUCCESS) error = parser.parse(text.data(), text.size(), false).get(root);
  if (error != simdjson::SUCCESS) return tl::unexpected(not_json(text, error, shape));
  return root;
}

std::optional<Refusal> check_count(const dom::array& alerts, const Limits& limits) {
  // The array's own size saturates at 2^24, far beyond any limit of ours.
  if (alerts.size() <= limits.alerts_per_notification_max) return std::nullopt;
  return Refusal{413,
                 "the notification holds more than " + std::to_string(limits.alerts_per_notification_max) + " alerts"};
}

Delivered read_alert(const dom::element& value, Form form, const Limits& limits) {
  Delivered alert;
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    alert.problem = wrong_type("alert", "an object", value);
    return alert;
  }
  constexpr std::array<std::string_view, 8> names = {"labels",       "annotations", "startsAt",    "endsAt",
                                                     "generatorURL", "status",      "fingerprint", "values"};
  constexpr std::size_t pushed_names = 5;
  const auto last = form == Form::pushed ? names.begin() + pushed_names : names.end();
  std::array<bool, names.size()> seen{};
  std::optional<dom::element> values;
  for (const dom::key_value_pair pair : object) {
    const auto name = std::find(names.begin(), last, pair.key);
    if (name == last) continue;
    bool& seen_before = seen.at(static_cast<std::size_t>(name - names.begin()));
    if (seen_before) {
      note(alert, in_quotes(pair.key) + " is given twice");
      continue;
    }
    seen_before = true;
    std::string_view text;
    if (pair.key == "status") read_status(pair.value, alert);
    if (pair.key == "labels") read_labels(pair.value, "labels", limits, alert, alert.labels);
    if (pair.key == "annotations") read_labels(pair.value, "annotations", limits, alert, alert.annotations);
    if (pair.key == "startsAt") read_time(pair.value, "startsAt", alert, alert.starts_at);
    if (pair.key == "endsAt") read_time(pair.value, "endsAt", alert, alert.ends_at);
    if (pair.key == "generatorURL" && pair.value.get(text) == simdjson::SUCCESS && text.size() <= url_bytes_max) {
      alert.generator_url = text;
    }
    if (pair.key == "values" && form == Form::grafana) values = pair.value;
    if (pair.key == "fingerprint" && pair.value.get(text) == simdjson::SUCCESS && is_fingerprint(text)) {
      alert.fingerprint = Fingerprint{std::string(text)};
    }
  }
  if (form != Form::pushed && alert.status.empty())
    note(alert, R"(status: expected "firing" or "resolved", found none)");
  if (values) read_values(*values, limits, alert.annotations);
  if (alert.labels.empty()) note(alert, "it has no labels");
  if (alert.fingerprint.empty()) alert.fingerprint = fingerprint_of(alert.labels);
  return alert;
}

}  // namespace alertscaler::receive::json
