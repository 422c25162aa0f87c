// The command line leads to one of the program's commands; nothing else happens here.
#include <cstdio>

#include "app/check.h"
#include "app/explain.h"
#include "app/healthcheck.h"
#include "app/options.h"
#include "app/schema.h"
#include "app/serve.h"
#include "client/commands.h"
#include "config/shape.h"

namespace {

struct Run {
  int operator()(const alertscaler::app::Exit& exit) const { return exit.status; }
  int operator()(const alertscaler::app::ServeOptions& options) const { return alertscaler::app::serve(options); }
  int operator()(const alertscaler::app::CheckOptions& options) const { return alertscaler::app::check(options); }
  int operator()(const alertscaler::app::HealthcheckOptions& options) const {
    return alertscaler::app::healthcheck(options);
  }
  int operator()(const alertscaler::client::SendOptions& options) const { return alertscaler::client::send(options); }
  int operator()(const alertscaler::client::StatusOptions& options) const {
    return alertscaler::client::status(options);
  }
  int operator()(const alertscaler::client::HistoryOptions& options) const {
    return alertscaler::client::history(options);
  }
  int operator()(const alertscaler::client::ScaleOptions& options) const { return alertscaler::client::scale(options); }
  int operator()(const alertscaler::client::PauseOptions& options) const { return alertscaler::client::pause(options); }
  int operator()(const alertscaler::client::ExplainOptions& options) const {
    return alertscaler::app::explain(options);
  }
  int operator()(const alertscaler::app::CompletionOptions& options) const {
    std::fputs(options.script.c_str(), stdout);
    return 0;
  }
  int operator()(const alertscaler::app::SchemaOptions& options) const {
    const alertscaler::config::Shape shape =
        options.web ? alertscaler::config::web_config_shape() : alertscaler::config::settings_shape();
    std::fputs(alertscaler::app::json_schema(shape).c_str(), stdout);
    return 0;
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
