#include "resync/resync.h"

#include <fstream>
#include <future>
#include <set>

#include "support/alerts.h"
#include "support/catch.h"
#include "support/clock.h"
#include "support/memory_store.h"
#include "support/receiver.h"
#include "support/scratch_dir.h"
#include "support/stub_alertmanager.h"

using namespace alertscaler;
using namespace std::chrono_literals;
using test::at;
using test::firing;
using test::gettable;
using test::StubAlertmanager;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

namespace {

// A resync of the targets web and api with the Alertmanagers that a test names.
class Bench {
 public:
  explicit Bench(std::vector<std::string> urls) : settings(test::two_targets()) {
    settings.alertmanager.urls = std::move(urls);
    settings.alertmanager.resync_interval = 1h;
    in_force_ = std::make_shared<const Settings>(settings);
  }
  void put_settings_in_force() {
    const auto made = std::make_shared<const Settings>(settings);
    const std::lock_guard lock(mutex_);
    in_force_ = made;
  }
  void round() { resync.first(60s); }
  [[nodiscard]] Names active() const {
    Names names;
    for (const Alert& each : store.active_alerts()) names.emplace_back(each.name());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] Alert alert(const std::string& name) const {
    for (const Alert& each : store.active_alerts()) {
      if (each.name() == name) return each;
    }
    throw std::runtime_error(name + " is not active");
  }
  // As a notification of Alertmanager brings it.
  void deliver(const std::string& name) {
    Alert one = test::alert(name, at(-60), clock.now());
    REQUIRE(store.merge({firing(std::move(one))}));
  }
  [[nodiscard]] std::set<std::string> take_kicks() {
    const std::lock_guard lock(mutex_);
    return std::exchange(kicks_, {});
  }
  [[nodiscard]] std::string metric(const std::string& name, const std::string& url) const {
    const std::string text = "\n" + metrics.expose(clock.now());
    const std::string series = "\n" + name + "{alertmanager=\"" + url + "\"} ";
    const std::size_t found = text.find(series);
    if (found == std::string::npos) return "absent";
    const std::size_t from = found + series.size();
    return text.substr(from, text.find('\n', from) - from);
  }
  [[nodiscard]] std::string failures(const std::string& url) const {
    return metric("alertscaler_resync_failures_total", url);
  }
  [[nodiscard]] std::string trouble() const {
    const auto lines = resync.troubles();
    return lines.empty() ? "" : lines.front();
  }

  Settings settings;
  test::ManualClock clock;
  test::MemoryStore store;
  Metrics metrics{"0.1.0"};

 private:
  std::mutex mutex_;
  std::shared_ptr<const Settings> in_force_;
  std::set<std::string> kicks_;

 public:
  resync::Resync resync{[this] {
                          const std::lock_guard lock(mutex_);
                          return in_force_;
                        },
                        [this](const TargetName& target, Instant) {
                          const std::lock_guard lock(mutex_);
                          kicks_.insert(target.text);
                        },
                        store, metrics, clock};
};

Json list(std::vector<Json> alerts) {
  return Json(std::move(alerts));
}

}  // namespace

TEST_CASE("resync: what was missed is adopted, what is gone is ended, and their targets are looked at") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.deliver("Known");
  alertmanager.answer(list({gettable("Known"), gettable("Missed", "down", "api"), gettable("NotOurs", "", "")}));
  bench.round();
  CHECK(bench.active() == Names{"Known", "Missed"});
  CHECK(bench.take_kicks() == std::set<std::string>{"api"});
  CHECK(bench.alert("Missed").source == Source::resync);
  CHECK(bench.alert("Missed").mapping == Mapping{TargetName{"api"}, AlertAction::down, {}, {}});
  CHECK_FALSE(bench.alert("Missed").ends_at.has_value());
  CHECK(bench.alert("Known").source == Source::alertmanager);

  alertmanager.answer(list({gettable("Missed", "down", "api")}));
  bench.clock.advance(30s);
  bench.round();
  CHECK(bench.active() == Names{"Missed"});
  CHECK(bench.take_kicks() == std::set<std::string>{"web"});
  CHECK(bench.alert("Missed").last_seen == bench.clock.now());
  CHECK(alertmanager.last().target == "/api/v2/alerts?active=true&silenced=false&inhibited=false");
  CHECK(bench.metric("alertscaler_resync_last_success_timestamp_seconds", alertmanager.url()) != "0");
  CHECK(bench.failures(alertmanager.url()) == "0");
  CHECK(bench.trouble().empty());
}

TEST_CASE("resync: a number in an annotation is followed, and what is no number changes nothing") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  const auto say = [&](const std::string& replicas) {
    Json alert = gettable("Wanted", "to");
    alert["annotations"]["scale_replicas"] = replicas;
    alertmanager.answer(list({alert}));
    bench.clock.advance(30s);
    bench.round();
  };
  say("NaN");  // it was never usable: there is nothing to go on with
  CHECK(bench.active().empty());
  say("3");
  CHECK(bench.alert("Wanted").mapping.replicas == 3);
  CHECK(bench.take_kicks() == std::set<std::string>{"web"});
  say("3");
  CHECK(bench.take_kicks().empty());
  say("4.2");
  CHECK(bench.alert("Wanted").mapping.replicas == 5);
  say("1e3");
  CHECK(bench.alert("Wanted").mapping.replicas == 1000);
  CHECK(bench.take_kicks() == std::set<std::string>{"web"});
  for (const char* unusable : {"NaN", "+Inf", "-1", "many"}) {
    CAPTURE(unusable);
    say(unusable);
    CHECK(bench.alert("Wanted").mapping.replicas == 1000);
    CHECK(bench.alert("Wanted").last_seen == bench.clock.now());  // somebody still asserts it
    CHECK(bench.take_kicks().empty());
  }
}

TEST_CASE("resync: an alert that asks something of no target is left out") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.deliver("Renamed");
  alertmanager.answer(list({gettable("Renamed", "up", "website"), gettable("Other", "jump", "web")}));
  bench.round();
  CHECK(bench.active().empty());
}

TEST_CASE("resync: what is delivered while it asks stays as it was delivered") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.deliver("Early");
  bench.deliver("Again");
  // The answer was made before these arrive.
  alertmanager.meanwhile([&] {
    bench.deliver("Fresh");
    bench.deliver("Again");
  });
  bench.round();
  CHECK(bench.active() == Names{"Again", "Fresh"});
  alertmanager.meanwhile(nullptr);
  bench.round();
  CHECK(bench.active().empty());
}

TEST_CASE("resync: an Alertmanager that fails changes nothing, and says so") {
  struct Case {
    std::string name;
    int code;
    std::string body;
    std::string error;
  };
  const auto c = GENERATE(values<Case>({
      {"an error", 500, "", "status 500"},
      {"wrong credentials", 401, "", "authorization or basic_auth"},
      {"forbidden", 403, "", "authorization or basic_auth"},
      {"another URL", 404, "", "prefix"},
      {"a redirect", 302, "", "redirects (302) to http://elsewhere/,"},
      {"no list", 200, "{}", "is that an Alertmanager?"},
      {"half a list", 200, list({gettable("Missed")}).dump().substr(0, 50), "is that an Alertmanager?"},
      {"an alert without labels", 200, R"([{"labels": {}}])", "has no labels"},
  }));
  CAPTURE(c.name);
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.deliver("Known");
  alertmanager.answer(c.code, c.body);
  bench.round();
  CHECK(bench.active() == Names{"Known"});
  CHECK(bench.take_kicks().empty());
  CHECK(bench.failures(alertmanager.url()) == "1");
  CHECK(bench.metric("alertscaler_resync_last_success_timestamp_seconds", alertmanager.url()) == "0");
  CHECK_THAT(bench.trouble(), ContainsSubstring(alertmanager.url()) && ContainsSubstring(c.error) &&
                                  ContainsSubstring("since 2026-01-01T00:00:00Z"));
  CHECK_THAT(bench.trouble(), !ContainsSubstring("hunter2"));

  alertmanager.answer(list({}));
  bench.round();
  CHECK(bench.active().empty());
  CHECK(bench.trouble().empty());
}

TEST_CASE("resync: of several Alertmanagers the union counts, and one that fails ends nothing") {
  StubAlertmanager one;
  StubAlertmanager other;
  Bench bench({one.url(), other.url()});
  bench.deliver("Gone");
  one.answer(list({gettable("AtOne")}));
  other.answer(list({gettable("AtOther"), gettable("AtBoth")}));
  bench.round();
  CHECK(bench.active() == Names{"AtBoth", "AtOne", "AtOther"});

  other.close();
  one.answer(list({gettable("AtOne"), gettable("New")}));
  bench.round();
  CHECK(bench.active() == Names{"AtBoth", "AtOne", "AtOther", "New"});
  CHECK(bench.failures(one.url()) == "0");
  CHECK(bench.failures(other.url()) == "1");
  CHECK_THAT(bench.trouble(), ContainsSubstring(other.url()) && ContainsSubstring("nobody listens there"));
}

TEST_CASE("resync: of an alert that two have, who was told last knows it best") {
  StubAlertmanager one;
  StubAlertmanager other;
  Bench bench({one.url(), other.url()});
  const auto wanted = [](const std::string& replicas, const std::string& starts_at, const std::string& updated_at) {
    Json alert = gettable("Wanted", "to", "web", starts_at);
    alert["annotations"]["scale_replicas"] = replicas;
    alert["updatedAt"] = updated_at;
    return list({alert});
  };
  one.answer(wanted("3", "2025-12-31T23:59:00Z", "2025-12-31T23:59:50Z"));
  other.answer(wanted("7", "2025-12-31T23:58:00Z", "2025-12-31T23:59:55Z"));
  bench.round();
  CHECK(bench.alert("Wanted").mapping.replicas == 7);
  CHECK(bench.alert("Wanted").starts_at == at(-60));
  one.answer(wanted("4", "2025-12-31T23:59:00Z", "2025-12-31T23:59:58Z"));
  bench.round();
  CHECK(bench.alert("Wanted").mapping.replicas == 4);
}

TEST_CASE("resync: an Alertmanager that has just started ends only what it has known since") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  // The stub's answers carry no date that would say otherwise: its clock is ours.
  const auto started = [&](Instant when) { alertmanager.status(R"({"uptime": ")" + text::format_time(when) + "\"}"); };
  bench.deliver("Before");
  bench.clock.advance(60s);
  started(bench.clock.now());
  bench.clock.advance(10s);
  bench.deliver("Since");
  bench.round();
  CHECK(bench.active() == Names{"Before"});
  bench.clock.advance(resync::told_everything_after - 11s);
  bench.round();
  CHECK(bench.active() == Names{"Before"});
  bench.clock.advance(1s);  // whoever asserts it has had time to say so
  bench.round();
  CHECK(bench.active().empty());
}

TEST_CASE("resync: one of a pair that has just started holds back the ends of both") {
  StubAlertmanager one;
  StubAlertmanager other;
  Bench bench({one.url(), other.url()});
  bench.deliver("Before");
  bench.clock.advance(10s);
  other.status(R"({"uptime": ")" + text::format_time(bench.clock.now()) + "\"}");
  one.answer(list({}));
  bench.round();
  CHECK(bench.active() == Names{"Before"});
}

TEST_CASE("resync: who we are is shown as the configuration says, and files are read each time") {
  StubAlertmanager alertmanager;
  const test::ScratchDir scratch;
  const std::string file = (scratch.path() / "secret").string();
  Bench bench({alertmanager.url() + "/prefix"});
  HttpConfig& http = bench.settings.alertmanager.http;
  const auto shown = [&] {
    bench.put_settings_in_force();
    bench.round();
    CHECK(bench.trouble().empty());
    return alertmanager.last().get_header_value("Authorization");
  };
  CHECK(shown().empty());
  CHECK(alertmanager.last().path == "/prefix/api/v2/alerts");
  http.authorization_type = "Bearer";
  http.credentials = Secret("hunter2");
  CHECK(shown() == "Bearer hunter2");
  http.credentials_file = file;
  std::ofstream(file) << "first\n";
  CHECK(shown() == "Bearer first");
  std::ofstream(file) << "second\n";
  CHECK(shown() == "Bearer second");
  http = HttpConfig{};
  http.username = "alertscaler";
  http.password = Secret("hunter2");
  CHECK(shown() == "Basic YWxlcnRzY2FsZXI6aHVudGVyMg==");
  http.password = Secret();
  http.password_file = file;
  CHECK(shown() == "Basic YWxlcnRzY2FsZXI6c2Vjb25k");

  std::filesystem::remove(file);
  const int asked = alertmanager.asked();
  bench.deliver("Known");
  bench.round();
  CHECK(alertmanager.asked() == asked);
  CHECK_THAT(bench.trouble(), ContainsSubstring("basic_auth.password_file") && ContainsSubstring(file));
  CHECK(bench.active() == Names{"Known"});
  std::ofstream(file) << "two\nlines\n";
  bench.round();
  CHECK_THAT(bench.trouble(), ContainsSubstring("one line") && !ContainsSubstring("two"));
}

TEST_CASE("resync: what cannot be stored changes nothing") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.deliver("Known");
  bench.store.fail_next_merge({ErrorKind::busy, "the disk is full"});
  bench.round();
  CHECK(bench.active() == Names{"Known"});
  CHECK_THAT(bench.metrics.expose(bench.clock.now()), ContainsSubstring("alertscaler_store_failures_total 1"));
  bench.round();
  CHECK(bench.active().empty());
}

TEST_CASE("resync: a changed configuration is followed") {
  StubAlertmanager one;
  StubAlertmanager other;
  one.answer(list({gettable("AtOne")}));
  other.answer(list({gettable("AtOther")}));
  Bench bench({one.url()});
  bench.round();
  bench.settings.alertmanager.urls = {other.url()};
  bench.put_settings_in_force();
  bench.round();
  CHECK(bench.active() == Names{"AtOther"});
  CHECK(bench.failures(one.url()) == "absent");
  CHECK(bench.failures(other.url()) == "0");
  bench.settings.alertmanager.urls.clear();
  bench.put_settings_in_force();
  bench.round();
  CHECK(bench.active() == Names{"AtOther"});  // nobody says that it ended
  CHECK(bench.failures(other.url()) == "absent");
}

TEST_CASE("resync: the thread asks in its interval, at once when woken, and stops at once") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  bench.resync.start();
  CHECK(test::eventually([&] { return alertmanager.asked() == 1; }));
  bench.resync.wake();
  CHECK(test::eventually([&] { return alertmanager.asked() == 2; }));
  bench.settings.alertmanager.resync_interval = 5ms;
  bench.put_settings_in_force();
  bench.resync.wake();
  CHECK(test::eventually([&] { return alertmanager.asked() > 10; }));

  std::promise<void> open;
  std::atomic<bool> asking{false};
  const auto gate = open.get_future().share();
  alertmanager.meanwhile([&asking, gate] {
    asking = true;
    gate.wait();
  });
  CHECK(test::eventually([&] { return asking.load(); }));
  const auto began = std::chrono::steady_clock::now();
  bench.resync.stop();  // in the middle of a question that is not answered
  CHECK(std::chrono::steady_clock::now() - began < 15s);
  CHECK(bench.failures(alertmanager.url()) == "0");  // that was no failure
  open.set_value();
}

TEST_CASE("resync: the first round takes no longer than it may") {
  StubAlertmanager alertmanager;
  Bench bench({alertmanager.url()});
  std::promise<void> open;
  const auto gate = open.get_future().share();
  alertmanager.meanwhile([gate] { gate.wait(); });  // it may still be in there when this test is over
  const auto began = std::chrono::steady_clock::now();
  bench.resync.first(200ms);
  CHECK(std::chrono::steady_clock::now() - began < 15s);
  CHECK_THAT(bench.trouble(), ContainsSubstring("did not answer in time"));
  open.set_value();
}
