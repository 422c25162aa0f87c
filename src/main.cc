// The command line leads to one of the program's commands; nothing else happens here.
#include <cstdio>

#include "app/healthcheck.h"
#include "app/options.h"
#include "app/serve.h"

namespace {

struct Run {
  int operator()(const alertscaler::app::Exit& exit) const { return exit.status; }
  int operator()(const alertscaler::app::ServeOptions& options) const { return alertscaler::app::serve(options); }
  int operator()(const alertscaler::app::HealthcheckOptions& options) const {
    return alertscaler::app::healthcheck(options);
  }
  int operator()(const alertscaler::app::VersionOptions&) const {
    std::printf("alertscaler %s\n", alertscaler::app::version_text().c_str());
    return 0;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return std::visit(Run{}, alertscaler::app::parse_command_line(argc, argv));
}
