#include "config/targets_command.h"

#include <algorithm>
#include <array>

#include "config/fields.h"

namespace alertscaler::config {
namespace {

constexpr std::string_view replicas_word = "{replicas}";

bool mentions(const std::vector<std::string>& argv, std::string_view word) {
  return std::any_of(argv.begin(), argv.end(),
                     [&](const std::string& argument) { return argument.find(word) != std::string::npos; });
}

// No shell takes it apart, so a line of text would be the name of one program, blanks included.
bool read_argv(const Value& value, std::vector<std::string>& out, const std::string& example) {
  const std::vector<Value> items =
      value.items("a program and its arguments as a list, such as " + example, {.least = 1, .most = any_length});
  std::vector<std::string> argv;
  for (const Value& item : items) {
    std::string argument;
    if (!item.read_raw(argument, "an argument; quote one that has {, [ or : in it")) return false;
    if (argv.empty() && argument.empty()) return item.expected("the name or path of a program");
    argv.push_back(argument);
  }
  out = std::move(argv);
  return !out.empty();
}

void read_observe(const Value& value, CommandTarget& command) {
  if (!read_argv(value, command.observe, "[/usr/local/bin/count-workers]")) return;
  if (mentions(command.observe, replicas_word)) {
    value.problem("observe finds out how many there are, so {replicas} has no value in it");
  }
}

void read_scale(const Value& value, CommandTarget& command) {
  if (value.shape() != nullptr) value.shape()->mentioned = replicas_word;
  if (!read_argv(value, command.scale, R"([/usr/local/bin/scale-workers, "{replicas}"])")) return;
  if (!mentions(command.scale, replicas_word)) {
    value.problem("no argument says how many there shall be: one of them needs {replicas}");
    command.scale.clear();
  }
}

bool is_variable_name(const std::string& name) {
  return !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos;
}

void read_env(const Value& value, CommandTarget& command) {
  if (value.left_empty()) return;
  for (const auto& [name, at, variable] :
       value.members("a map of environment variables, such as {ANSIBLE_CONFIG: /etc/ansible/ansible.cfg}")) {
    std::string text;
    if (!variable.left_empty() && !variable.read_raw(text, "the text of an environment variable")) continue;
    if (is_variable_name(name)) {
      command.env[name] = text;
    } else {
      variable.problem_at(at, "is no name of an environment variable");
    }
  }
}

}  // namespace

bool read_command(const Value& value, CommandTarget& out) {
  static constexpr std::array<Field<CommandTarget>, 4> fields = {{
      {"observe", read_observe, "A program and its arguments; it prints one whole number: how many there are"},
      {"scale", read_scale, "A program and its arguments, {replicas} among them; it sets that count"},
      {"env", read_env, "Environment variables for both"},
      {"deadline", [](const Value& v, CommandTarget& c) { v.read(c.deadline, AtLeast::one); },
       "How long one run of observe may take; for scale there is the target's timeout"},
  }};
  out.directory = value.report().folder().string();
  MapReader map(value, R"(a map such as {observe: [./count], scale: [./scale, "{replicas}"]})");
  map.take(fields, out);
  map.finish({"observe", "scale"});
  return !out.observe.empty() && !out.scale.empty();
}

}  // namespace alertscaler::config
