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
  if (value.node().kind != Element::Kind::list || value.node().items.empty()) {
    return value.expected("a program and its arguments as a list, such as " + example);
  }
  std::vector<std::string> argv;
  for (std::size_t i = 0; i < value.node().items.size(); ++i) {
    const Value item = value.item(i);
    const Element& node = item.node();
    if (node.kind != Element::Kind::scalar) return item.expected("an argument; quote one that has {, [ or : in it");
    if (node.text.find('\0') != std::string::npos) return item.expected("an argument without a zero byte");
    if (i == 0 && node.text.empty()) return item.expected("the name or path of a program");
    argv.push_back(node.text);
  }
  out = std::move(argv);
  return true;
}

void read_observe(const Value& value, CommandTarget& command) {
  if (!read_argv(value, command.observe, "[/usr/local/bin/count-workers]")) return;
  if (mentions(command.observe, replicas_word)) {
    value.problem("observe finds out how many there are, so {replicas} has no value in it");
  }
}

void read_scale(const Value& value, CommandTarget& command) {
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
  if (value.node().kind == Element::Kind::nothing) return;
  if (value.node().kind != Element::Kind::map) {
    value.expected("a map of environment variables, such as {ANSIBLE_CONFIG: /etc/ansible/ansible.cfg}");
    return;
  }
  for (const Entry& entry : value.node().entries) {
    const Value variable = value.entry(entry);
    const Element& node = variable.node();
    const bool is_text = node.kind == Element::Kind::scalar && node.text.find('\0') == std::string::npos;
    if (!is_variable_name(entry.key)) {
      variable.problem_at(entry.at, "is no name of an environment variable");
    } else if (node.kind != Element::Kind::nothing && !is_text) {
      variable.expected("the text of an environment variable");
    } else {
      command.env[entry.key] = node.text;
    }
  }
}

}  // namespace

bool read_command(const Value& value, CommandTarget& out) {
  static constexpr std::array<Field<CommandTarget>, 4> fields = {{
      {"observe", read_observe},
      {"scale", read_scale},
      {"env", read_env},
      {"deadline", [](const Value& v, CommandTarget& c) { v.read(c.deadline, AtLeast::one); }},
  }};
  out.directory = value.report().folder().string();
  MapReader map(value, R"(a map such as {observe: [./count], scale: [./scale, "{replicas}"]})");
  map.take(fields, out);
  map.finish({"observe", "scale"});
  return !out.observe.empty() && !out.scale.empty();
}

}  // namespace alertscaler::config
