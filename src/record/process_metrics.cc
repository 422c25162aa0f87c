#include "record/process_metrics.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace alertscaler::record {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

struct Stat {
  double cpu_seconds = 0;
  double start_seconds = 0;  // after boot
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

// proc(5), /proc/pid/stat: the fields after the name in parentheses, which may itself hold blanks and parentheses.
std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  constexpr int first_field = 3;
  constexpr int last_field = 24;
  std::array<double, last_field + 1> field{};
  std::string state;
  rest >> state;
  for (int i = first_field + 1; i <= last_field; ++i) rest >> field[static_cast<std::size_t>(i)];
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (!rest || ticks <= 0) return std::nullopt;
  return Stat{.cpu_seconds = (field[14] + field[15]) / ticks,
              .start_seconds = field[22] / ticks,
              .virtual_bytes = field[23],
              .resident_bytes = field[24] * static_cast<double>(::sysconf(_SC_PAGESIZE))};
}

// Seconds since the epoch at which the machine was started.
std::optional<double> read_boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
    file.ignore(1 << 20, '\n');
  }
  return std::nullopt;
}

std::optional<double> count_open_files() {
  std::error_code failed;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    ++count;
  }
  if (failed) return std::nullopt;
  return count - 1;  // the one that lists the others
}

std::optional<double> open_files_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> families;
  const auto add = [&](const char* name, const char* help, MetricType type, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric metric;
    if (type == MetricType::Counter) {
      metric.counter.value = *value;
    } else {
      metric.gauge.value = *value;
    }
    families.push_back({name, help, type, {metric}});
  };
  const std::optional<Stat> stat = read_stat();
  const std::optional<double> boot = read_boot_time();
  if (stat) {
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", MetricType::Counter,
        stat->cpu_seconds);
    add("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge, stat->resident_bytes);
    add("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge, stat->virtual_bytes);
  }
  if (stat && boot) {
    add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
        *boot + stat->start_seconds);
  }
  add("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, count_open_files());
  add("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge, open_files_max());
  return families;
}

}  // namespace alertscaler::record
