#include "record/metrics.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/scratch_dir.h"

using namespace alertscaler;
using namespace std::chrono_literals;

namespace {

const Instant now{Duration{1'767'225'600'000}};

TargetView view_of(const std::string& name) {
  TargetView view;
  view.target = {.name = TargetName{name}, .policy = {.min = 1, .max = 10}, .backend = Simulated{}};
  view.observed = Observed{.replicas = 3, .ready = 2};
  view.desired = 4;
  view.status = TargetStatus::scaling;
  view.up_cooldown_until = now + 30s;
  return view;
}

// Everything that the program can tell, at least once.
void fill(Metrics& metrics) {
  metrics.notification(Source::alertmanager, 200);
  metrics.alerts_received(MergeResult::accepted, 2);
  const TargetName web{"web"};
  metrics.active_alerts(web, AlertAction::up, 1);
  metrics.decided(web, Outcome::act, Reason::up);
  metrics.action_ended(web, "docker_compose", Reason::up, ActionOutcome::done, 1500ms);
  metrics.reaction(12ms);
  metrics.backend_request("docker_compose", 200, 3ms);
  metrics.target(view_of("web"), now, false);
  metrics.reloaded(true);
  metrics.resync_with("http://alertmanager:9093");
}

std::string value_of(const std::string& exposed, const std::string& series) {
  std::istringstream lines(exposed);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  }
  return "absent";
}

// "name type {label, label}" of every family, sorted: what dashboards and alerting rules rely on.
std::string interface_of(const std::string& exposed) {
  std::map<std::string, std::string> types;
  std::map<std::string, std::set<std::string>> labels;
  std::istringstream lines(exposed);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, what, name, rest;
    words >> hash >> what >> name >> rest;
    if (hash == "#" && what == "TYPE") types[name] = rest;
    if (hash == "#") continue;
    name = line.substr(0, line.find_first_of("{ "));
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      const std::string base = name.substr(0, name.size() - std::min(name.size(), std::string(suffix).size()));
      if (name.ends_with(suffix) && types[base] == "histogram") name = base;
    }
    if (line.find('{') == std::string::npos) continue;
    std::string inside = line.substr(line.find('{') + 1, line.rfind('}') - line.find('{') - 1);
    for (std::size_t equals = inside.find("=\""); equals != std::string::npos; equals = inside.find("=\"")) {
      labels[name].insert(inside.substr(0, equals));
      const std::size_t end = inside.find('"', equals + 2);
      inside = end + 2 <= inside.size() ? inside.substr(end + 2) : "";
    }
    labels[name].erase("le");
  }
  std::string out;
  for (const auto& [name, type] : types) {
    if (type.empty()) continue;
    out += name + " " + type;
    for (const std::string& label : labels[name]) out += " " + label;
    out += "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("names, types and label keys are the golden file's") {
  Metrics metrics("0.1.0");
  fill(metrics);
  const std::string found = interface_of(metrics.expose(now));
  const std::string path = std::string(ALERTSCALER_TESTS_DIR) + "/golden/metrics.txt";
  if (std::getenv("ALERTSCALER_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << found;
  std::ifstream file(path);
  CHECK(found == std::string(std::istreambuf_iterator<char>(file), {}));
}

TEST_CASE("promtool finds nothing to complain about") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("skipped: promtool is not installed (Debian: apt-get install prometheus)");
    return;
  }
  Metrics metrics("0.1.0");
  fill(metrics);
  const test::ScratchDir scratch;
  const std::string file = (scratch.path() / "metrics").string();
  std::ofstream(file) << metrics.expose(now);
  const std::string said = (scratch.path() / "said").string();
  const int status = std::system(("promtool check metrics < " + file + " > " + said + " 2>&1").c_str());
  std::ifstream output(said);
  CAPTURE(std::string(std::istreambuf_iterator<char>(output), {}));
  CHECK(status == 0);
}

TEST_CASE("a resync's series come and go with its Alertmanager") {
  Metrics metrics("0.1.0");
  const std::string one = "http://one:9093";
  const std::string success = "alertscaler_resync_last_success_timestamp_seconds{alertmanager=\"" + one + "\"}";
  const std::string failures = "alertscaler_resync_failures_total{alertmanager=\"" + one + "\"}";
  metrics.resync_failed(one);  // not known yet: there is nobody of that name
  CHECK(value_of(metrics.expose(now), failures) == "absent");
  metrics.resync_with(one);
  CHECK(value_of(metrics.expose(now), success) == "0");
  CHECK(value_of(metrics.expose(now), failures) == "0");
  metrics.resynced(one, now + 500ms);
  metrics.resync_failed(one);
  CHECK(std::stod(value_of(metrics.expose(now), success)) == 1'767'225'600.5);
  CHECK(value_of(metrics.expose(now), failures) == "1");
  metrics.resync_with(one);  // again, after a change of the configuration: it goes on counting
  CHECK(value_of(metrics.expose(now), failures) == "1");
  metrics.forget_resync(one);
  CHECK(value_of(metrics.expose(now), success) == "absent");
  CHECK(value_of(metrics.expose(now), failures) == "absent");
}

TEST_CASE("values are what was told") {
  Metrics metrics("0.1.0");
  fill(metrics);
  metrics.alerts_received(MergeResult::accepted, 3);
  metrics.decided(TargetName{"web"}, Outcome::act, Reason::up);
  metrics.store_failed();
  const std::string text = metrics.expose(now + 10s);
  CHECK(value_of(text, "alertscaler_build_info{version=\"0.1.0\"}") == "1");
  CHECK(value_of(text, "alertscaler_notifications_total{code=\"200\",source=\"alertmanager\"}") == "1");
  CHECK(value_of(text, "alertscaler_alerts_received_total{result=\"accepted\"}") == "5");
  CHECK(value_of(text, "alertscaler_alerts_received_total{result=\"ignored\"}") == "0");
  CHECK(value_of(text, "alertscaler_active_alerts{target=\"web\",action=\"up\"}") == "1");
  CHECK(value_of(text, "alertscaler_decisions_total{target=\"web\",outcome=\"act\",reason=\"up\"}") == "2");
  CHECK(value_of(text, "alertscaler_actions_total{target=\"web\",action=\"up\",outcome=\"done\"}") == "1");
  CHECK(value_of(text, "alertscaler_target_replicas{target=\"web\"}") == "3");
  CHECK(value_of(text, "alertscaler_target_ready_replicas{target=\"web\"}") == "2");
  CHECK(value_of(text, "alertscaler_target_desired_replicas{target=\"web\"}") == "4");
  CHECK(value_of(text, "alertscaler_target_min_replicas{target=\"web\"}") == "1");
  CHECK(value_of(text, "alertscaler_target_max_replicas{target=\"web\"}") == "10");
  CHECK(value_of(text, "alertscaler_target_cooldown_seconds{target=\"web\",direction=\"up\"}") == "20");
  CHECK(value_of(text, "alertscaler_target_cooldown_seconds{target=\"web\",direction=\"down\"}") == "0");
  CHECK(value_of(text, "alertscaler_target_paused{target=\"web\"}") == "0");
  CHECK(value_of(text, "alertscaler_target_dry_run{target=\"web\"}") == "0");
  metrics.target(view_of("web"), now, true);
  CHECK(value_of(metrics.expose(now), "alertscaler_target_dry_run{target=\"web\"}") == "1");
  CHECK(value_of(text, "alertscaler_store_failures_total") == "1");
  CHECK(value_of(text, "alertscaler_config_last_reload_successful") == "1");
  CHECK(value_of(text, "alertscaler_leader") == "1");
}

TEST_CASE("a cooldown runs out without anybody telling") {
  Metrics metrics("0.1.0");
  metrics.target(view_of("web"), now, false);
  CHECK(value_of(metrics.expose(now + 1h), "alertscaler_target_cooldown_seconds{target=\"web\",direction=\"up\"}") ==
        "0");
}

TEST_CASE("a target that cannot be observed has no count, not a count of zero") {
  Metrics metrics("0.1.0");
  TargetView view = view_of("web");
  view.observed.reset();
  metrics.target(view, now, false);
  const std::string text = metrics.expose(now);
  CHECK(value_of(text, "alertscaler_target_replicas{target=\"web\"}") == "absent");
  CHECK(value_of(text, "alertscaler_target_ready_replicas{target=\"web\"}") == "absent");
  CHECK(value_of(text, "alertscaler_target_desired_replicas{target=\"web\"}") == "4");
}

TEST_CASE("a forgotten target leaves no series behind, the others stay") {
  Metrics metrics("0.1.0");
  fill(metrics);
  metrics.target(view_of("api"), now, false);
  metrics.forget_target(TargetName{"web"});
  const std::string text = metrics.expose(now);
  CHECK(text.find("target=\"web\"") == std::string::npos);
  CHECK(value_of(text, "alertscaler_target_replicas{target=\"api\"}") == "3");
}

TEST_CASE("a dry run or an interrupted action has no duration") {
  Metrics metrics("0.1.0");
  const TargetName web{"web"};
  metrics.action_ended(web, "simulated", Reason::up, ActionOutcome::dry_run, 0ms);
  metrics.action_ended(web, "simulated", Reason::up, ActionOutcome::interrupted, 1h);
  CHECK(metrics.expose(now).find("alertscaler_action_duration_seconds_count") == std::string::npos);
  metrics.action_ended(web, "simulated", Reason::up, ActionOutcome::timeout, 120s);
  CHECK(value_of(metrics.expose(now),
                 "alertscaler_action_duration_seconds_count{action=\"up\",backend=\"simulated\"}") == "1");
}

TEST_CASE("a label value cannot break the exposition") {
  Metrics metrics("1\"\n\\2");
  CHECK(metrics.expose(now).find("alertscaler_build_info{version=\"1\\\"\\n\\\\2\"} 1\n") != std::string::npos);
}

TEST_CASE("the process metrics are those of this process") {
  const std::string text = Metrics("0.1.0").expose(now);
  CHECK(std::stod(value_of(text, "process_cpu_seconds_total")) >= 0);
  CHECK(std::stod(value_of(text, "process_resident_memory_bytes")) > 1e6);
  CHECK(std::stod(value_of(text, "process_virtual_memory_bytes")) > 1e6);
  CHECK(std::stod(value_of(text, "process_open_fds")) >= 3);
  CHECK(std::stod(value_of(text, "process_max_fds")) >= std::stod(value_of(text, "process_open_fds")));
  const double started = std::stod(value_of(text, "process_start_time_seconds"));
  const double since = static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count()) -
                       started;
  CHECK(since > -2);
  CHECK(since < 3600);
}

TEST_CASE("everybody may write while somebody asks") {
  Metrics metrics("0.1.0");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&metrics, i] {
      for (int round = 0; round < 200; ++round) {
        fill(metrics);
        metrics.target(view_of("t" + std::to_string((round + i) % 7)), now, false);
        metrics.forget_target(TargetName{"t" + std::to_string(round % 7)});
      }
    });
  }
  for (int round = 0; round < 20; ++round) CHECK_FALSE(metrics.expose(now).empty());
  for (std::thread& writer : writers) writer.join();
  CHECK(value_of(metrics.expose(now), "alertscaler_alerts_received_total{result=\"accepted\"}") == "1600");
}
