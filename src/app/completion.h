// Shell completion, made from the command line's own tables so that it cannot fall behind them.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace alertscaler::app {

// A script for bash: `source <(alertscaler completion bash)`. Names of targets are asked of the running server.
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace alertscaler::app
