#include "app/completion.h"

#include <CLI/CLI.hpp>

namespace alertscaler::app {
namespace {

std::string flags_of(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out += (out.empty() ? "--" : " --") + name + (option->get_items_expected_max() > 0 ? "=" : "");
    }
  }
  return out;
}

bool takes_target(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() && option->get_name(true) == "TARGET") return true;
  }
  return false;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::string commands;
  std::string flags;
  std::string with_target;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string& name = each->get_name();
    commands += (commands.empty() ? "" : " ") + name;
    flags += "    " + name + ") flags='" + flags_of(*each) + "' ;;\n";
    if (takes_target(*each)) with_target += (with_target.empty() ? "" : "|") + name;
  }
  return "# bash completion for alertscaler:  source <(alertscaler completion bash)\n"
         "_alertscaler() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} command='' flags='' each\n"
         "  # bash takes '=' for a word of its own.\n"
         "  if [[ $word == '=' ]]; then word=''; fi\n"
         "  for each in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case $each in -*) ;; *) command=$each; break ;; esac\n"
         "  done\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W '" +
         commands +
         "' -- \"$word\")\n"
         "    return\n"
         "  fi\n"
         "  case ${command:-serve} in\n" +
         flags +
         "  esac\n"
         "  local before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "  case $before in\n"
         "    --*file | --storage.path) mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;\n"
         "    --action) mapfile -t COMPREPLY < <(compgen -W 'up down to drain hold' -- \"$word\"); return ;;\n"
         "    --format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- \"$word\"); return ;;\n"
         "    --log.level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- \"$word\"); return ;;\n"
         "    --log.format) mapfile -t COMPREPLY < <(compgen -W 'logfmt json' -- \"$word\"); return ;;\n"
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
         "    [[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace\n"
         "    return\n"
         "  fi\n"
         "  local names=''\n"
         "  case $command:$before in\n"
         "    *:--target) names=targets ;;\n"
         "    completion:*) mapfile -t COMPREPLY < <(compgen -W bash -- \"$word\"); return ;;\n"
         "  esac\n"
         "  case $command in " +
         with_target +
         ") names=targets ;; esac\n"
         "  [[ -n $names ]] || return\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$(\"${COMP_WORDS[0]}\" status 2>/dev/null | awk 'NR > 1 { print $1 "
         "}')\" -- "
         "\"$word\")\n"
         "}\n"
         "complete -F _alertscaler alertscaler\n";
}

}  // namespace alertscaler::app
