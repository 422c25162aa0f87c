#include "config/yaml.h"

#include <array>
#include <cstddef>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/text.h"
#include "config/lines.h"

namespace alertscaler::config {
namespace {

constexpr std::size_t depth_max = 64;
constexpr std::size_t nodes_max = 1'000'000;

constexpr std::string_view too_deep = "nested more than 64 levels deep";
constexpr std::string_view too_many = "more than 1000000 values, aliases counted as often as they are used";

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

struct Extent {
  std::size_t nodes = 1;
  std::size_t height = 1;
};

Extent extent_of(const Element& node) {
  Extent whole;
  const auto add = [&whole](const Element& child) {
    const Extent part = extent_of(child);
    whole.nodes += part.nodes;
    whole.height = std::max(whole.height, part.height + 1);
  };
  for (const Element& item : node.items) add(item);
  for (const Entry& entry : node.entries) add(entry.value);
  return whole;
}

// Builds the tree from the library's events. Throws YAML::ParserException, as the parser around it does.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Lines& lines, Report& report) : lines_(lines), report_(report) {}

  [[nodiscard]] Element take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // A value that is left out has the position of whatever comes next; the key before it is where it is missed.
    const Mark here = lines_.mark(mark.line, mark.column);
    const bool written = anchor != 0 || lines_.has_null_word(mark.line, mark.column);
    Element node;
    node.at = written ? here : last_;
    finish(std::move(node), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw YAML::ParserException(mark, "an alias inside of what it stands for");
    const auto& [node, extent] = found->second;
    if (stack_.size() + extent.height > depth_max) throw YAML::ParserException(mark, std::string(too_deep));
    count(extent.nodes, mark);
    last_ = lines_.mark(mark.line, mark.column);
    attach(Element(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?" || tag.empty();
    Element node = node_at(mark, plain || tag == "!" ? "" : tag);
    node.quoted = !plain && (tag == "!" || tag.ends_with(":str"));
    if (node.quoted || !plain || !is_null_word(value)) {
      node.kind = Element::Kind::scalar;
      node.text = value;
    }
    finish(std::move(node), anchor, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    push(Element::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { pop(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    push(Element::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override {
    Frame& frame = stack_.back();
    for (Element& source : std::exchange(frame.merged, {})) merge(frame, std::move(source));
    pop();
  }

 private:
  // What the next value of a map belongs to.
  struct Key {
    std::string text;
    Mark at;
    bool usable = true;
    bool merge = false;
  };
  struct Frame {
    Element node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<Key> key;
    std::unordered_map<std::string, Mark> keys;
    std::vector<Element> merged;
  };

  void count(std::size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > nodes_max) throw YAML::ParserException(mark, std::string(too_many));
  }

  Element node_at(const YAML::Mark& mark, std::string_view tag) {
    constexpr std::array<std::string_view, 6> known = {"str", "int", "float", "bool", "map", "seq"};
    constexpr std::string_view standard = "tag:yaml.org,2002:";
    Element node;
    node.at = last_ = lines_.mark(mark.line, mark.column);
    const bool none = tag.empty() || tag == "?" || tag == "!";
    if (!none && !(tag.starts_with(standard) &&
                   std::find(known.begin(), known.end(), tag.substr(standard.size())) != known.end())) {
      report_.add(node.at, path() + "the tag " + text::json_quote(tag) + " is not known here; leave it out");
    }
    return node;
  }

  void push(Element::Kind kind, const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (stack_.size() >= depth_max) throw YAML::ParserException(mark, std::string(too_deep));
    Element node = node_at(mark, tag);
    node.kind = kind;
    stack_.push_back(Frame{std::move(node), anchor, mark, {}, {}, {}});
  }

  void pop() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    finish(std::move(frame.node), frame.anchor, frame.mark);
  }

  void finish(Element node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    count(1, mark);
    if (anchor != 0) {
      const Extent extent = extent_of(node);
      count(extent.nodes, mark);
      anchors_.insert_or_assign(anchor, std::pair{node, extent});
    }
    attach(std::move(node));
  }

  void attach(Element node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == Element::Kind::list) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      frame.key = key_from(frame, node);
    } else {
      const Key key = *std::exchange(frame.key, std::nullopt);
      if (key.merge) {
        frame.merged.push_back(std::move(node));
      } else if (key.usable) {
        frame.node.entries.push_back({key.text, key.at, std::move(node)});
      }
    }
  }

  Key key_from(Frame& frame, const Element& node) {
    Key key{node.text, node.at, true, false};
    if (node.kind != Element::Kind::scalar) {
      report_.add(node.at, path() + (node.kind == Element::Kind::nothing ? "a key is missing before the colon"
                                                                         : "a key must be text, not a list or a map"));
      key.usable = false;
    } else if (node.text == "<<" && !node.quoted) {
      key.merge = true;
    } else if (const auto [first, added] = frame.keys.emplace(node.text, node.at); !added) {
      report_.add(node.at, path() + "the key " + text::json_quote(node.text) + " is given twice, first on line " +
                               std::to_string(first->second.line));
      key.usable = false;
    }
    return key;
  }

  // What the map has itself goes before what is merged into it, and what was merged first before the rest.
  void merge(Frame& frame, Element source) {
    if (source.kind == Element::Kind::list) {
      for (Element& item : source.items) {
        if (item.kind == Element::Kind::list) item.kind = Element::Kind::scalar;  // one level only
        merge(frame, std::move(item));
      }
    } else if (source.kind == Element::Kind::map) {
      for (Entry& entry : source.entries) {
        if (frame.keys.emplace(entry.key, entry.at).second) frame.node.entries.push_back(std::move(entry));
      }
    } else {
      report_.add(source.at, path() + "<< takes a map or a list of maps");
    }
  }

  // "targets[2].up: " for the place that the parser is at.
  [[nodiscard]] std::string path() const {
    std::string out;
    for (const Frame& frame : stack_) {
      if (frame.node.kind == Element::Kind::list) {
        out += "[" + std::to_string(frame.node.items.size()) + "]";
      } else if (frame.key) {
        out += (out.empty() ? "" : ".") + frame.key->text;
      }
    }
    return out.empty() ? out : out + ": ";
  }

  const Lines& lines_;
  Report& report_;
  Element root_;
  Mark last_{1, 1};
  std::size_t nodes_ = 0;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::pair<Element, Extent>> anchors_;
};

// The library's terse messages, by what their texts have in common in all of its versions, in words for people.
std::string in_words(std::string_view message) {
  struct Translation {
    std::string_view fragment;
    std::string_view words;
  };
  constexpr std::string_view indentation =
      "this does not belong to what stands before it: check the indentation, the "
      "colon after the key and the quotes";
  constexpr std::string_view unclosed_quote = "a quote that was opened before this is not closed";
  constexpr std::array<Translation, 16> translations = {{
      {"end of map flow", "this { … } is not closed, or a comma is missing"},
      {"end of sequence flow", "this [ … ] is not closed, or a comma is missing"},
      {"illegal flow end", "this bracket closes none that is open here"},
      {"end of map not found", indentation},
      {"end of sequence not found", indentation},
      {"illegal block entry", indentation},
      {"illegal map key", indentation},
      {"unexpected scalar", indentation},
      {"illegal map value",
       "a colon is not expected here: quote a value that contains \": \", and check the indentation"},
      {"illegal tab", "a tab in the indentation: YAML is indented with spaces"},
      {"illegal document indicator", unclosed_quote},
      {"illegal EOF in scalar", unclosed_quote},
      {"referenced anchor", "no value before this one is named with & for this alias"},
      {"plain value cannot start", indentation},
      {"unknown token", "a value cannot start with this character: quote it"},
      {"bad file", too_deep},
  }};
  for (const Translation& translation : translations) {
    if (message.find(translation.fragment) != std::string_view::npos) return std::string(translation.words);
  }
  return std::string(message);
}

void report_syntax(const YAML::Exception& error, const Lines& lines, Report& report) {
  const bool own = error.msg == too_deep || error.msg == too_many || error.msg.starts_with("an alias");
  const Mark at = error.mark.is_null() ? Mark{} : lines.mark(error.mark.line, error.mark.column);
  if (const auto tab = lines.first_indenting_tab(); tab && (at.line == 0 || tab->line <= at.line) && !own) {
    report.add(*tab, "not valid YAML: " + in_words("illegal tab"));
  } else {
    report.add(at, own ? error.msg : "not valid YAML: " + in_words(error.msg));
  }
}

// Notes that a second document begins, and takes nothing of it.
class SecondDocument final : public YAML::EventHandler {
 public:
  std::optional<YAML::Mark> start;

  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

std::optional<Element> parse_yaml(std::string_view text, Report& report) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const Lines lines(text);
  if (const auto wrong = lines.first_unreadable()) {
    report.add(wrong->at, wrong->message);
    return std::nullopt;
  }
  SecondDocument second;
  try {
    // The end of the document is written out, because the library takes the end of the text for a closing quote.
    std::istringstream in{std::string(text) + "\n...\n"};
    YAML::Parser parser(in);
    TreeBuilder builder(lines, report);
    if (!parser.HandleNextDocument(builder)) return Element{};
    Element root = builder.take_root();
    if (!parser.HandleNextDocument(second)) return root;
  } catch (const YAML::Exception& error) {
    if (!second.start) {
      report_syntax(error, lines, report);
      return std::nullopt;
    }
  }
  const YAML::Mark start = *second.start;
  report.add(lines.mark(start.line, start.column),
             lines.at(start.line, start.column).starts_with("---")
                 ? "a second document begins here; a configuration is one document"
                 : "not valid YAML: " + in_words("end of map not found"));
  return std::nullopt;
}

}  // namespace alertscaler::config
