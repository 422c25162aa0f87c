// What a pool is made of: log streams, names, which containers count.
#include "act/docker/log_stream.h"
#include "act/node_pool/member.h"
#include "support/catch.h"

using namespace alertscaler;
using namespace alertscaler::node_pool;

namespace {

std::string frame(char stream, const std::string& text) {
  std::string out(8, '\0');
  out[0] = stream;
  out[6] = static_cast<char>(text.size() >> 8U);
  out[7] = static_cast<char>(text.size() & 0xFFU);
  return out + text;
}

Json container(const std::string& name, const std::string& state, const std::string& replaces = "") {
  Json labels = {{"alertscaler.index", name.substr(2)}, {"alertscaler.action", "7"}};
  if (!replaces.empty()) labels["alertscaler.replaces"] = replaces;
  return {{"Id", "id-" + name}, {"Names", {"/" + name}}, {"State", state}, {"Labels", labels}};
}

Json node(const std::string& name, const std::string& mark = "") {
  Json out = {{"metadata", {{"name", name}, {"uid", "u"}, {"annotations", Json::object()}}},
              {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  if (!mark.empty()) out["metadata"]["annotations"][mark] = "pool";
  return out;
}

Pool pool_of(const Json& containers, const Json& nodes) {
  return read_pool(containers, nodes, "w-", "pool", "");
}

}  // namespace

TEST_CASE("a log comes in frames, or as it is") {
  CHECK(docker::read_log("") == "");
  CHECK(docker::read_log(frame(1, "one\n") + frame(2, "two\n")) == "one\ntwo\n");
  CHECK(docker::read_log("from a terminal\r\n") == "from a terminal\n");
  CHECK(docker::read_log(frame(1, "cut off").substr(0, 11)) == "cut");
  CHECK(docker::read_log(frame(2, "a\tb\x1b[1;31mred\x1b[0m\x07")) == "a bred");
  CHECK(docker::read_log(frame(1, std::string(300, 'x'))).size() == 300);
}

TEST_CASE("of a log only its last lines are told") {
  CHECK(docker::last_lines("", 3, 100) == "");
  CHECK(docker::last_lines("a\n\n  b \nc\nd\n\n", 3, 100) == "b | c | d");
  CHECK(docker::last_lines("aaaa\nbbbb\ncccc", 3, 12) == "bbbb | cccc");
  CHECK(docker::last_lines("a\nb\nb\n b\nc\nb", 3, 100) == "b | c | b");
  CHECK(docker::last_lines(std::string(50, 'x'), 3, 20).size() <= 23);
}

TEST_CASE("the number in a name") {
  struct Case {
    std::string name;
    std::optional<int> index;
  };
  const auto c = GENERATE(values<Case>({{"w-1", 1},
                                        {"w-20", 20},
                                        {"w-", {}},
                                        {"w-01", {}},
                                        {"w-1a", {}},
                                        {"x-1", {}},
                                        {"w--1", {}},
                                        {"w-99999999999999999999", {}}}));
  CAPTURE(c.name);
  CHECK(index_in(c.name, "w-") == c.index);
}

TEST_CASE("which containers count") {
  const char* removed = "alertscaler.io/removed-from-pool";
  struct Case {
    std::string name;
    Json containers;
    Json nodes;
    int replicas;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {"one that runs, joined or not", Json::array({container("w-1", "running"), container("w-2", "running")}),
       Json::array({node("w-1")}), 2},
      {"a stopped one that is still a node", Json::array({container("w-1", "exited")}), Json::array({node("w-1")}), 1},
      {"not a stopped one that is none", Json::array({container("w-1", "exited")}), Json::array(), 0},
      {"not one that was never started", Json::array({container("w-1", "created")}), Json::array(), 0},
      {"not one that is being removed", Json::array({container("w-1", "removing")}), Json::array({node("w-1")}), 0},
      {"not one that is certain to go", Json::array({container("w-1", "running")}), Json::array({node("w-1", removed)}),
       0},
      {"one that may come back", Json::array({container("w-1", "running")}),
       Json::array({node("w-1", "alertscaler.io/leaving-pool")}), 1},
      {"not a replacement beside what it replaces",
       Json::array({container("w-1", "running"), container("w-2", "running", "w-1")}),
       Json::array({node("w-1"), node("w-2")}), 1},
      {"a replacement of what is certain to go",
       Json::array({container("w-1", "running"), container("w-2", "running", "w-1")}),
       Json::array({node("w-1", removed), node("w-2")}), 1},
      {"a replacement of what is gone", Json::array({container("w-2", "running", "w-1")}), Json::array({node("w-2")}),
       1},
  }));
  CAPTURE(c.name);
  CHECK(count(pool_of(c.containers, c.nodes), "") == c.replicas);
}

TEST_CASE("marks of another pool are none of ours") {
  Json other = node("w-1", "alertscaler.io/removed-from-pool");
  other["metadata"]["annotations"]["alertscaler.io/removed-from-pool"] = "another";
  CHECK(count(pool_of(Json::array({container("w-1", "running")}), Json::array({other})), "") == 1);
}

TEST_CASE("what the action under way has made and has ended is not swept away under it") {
  const Pool pool = pool_of(Json::array({container("w-1", "exited")}), Json::array());
  CHECK(is_junk(pool.members.front(), ""));
  CHECK(is_junk(pool.members.front(), "8"));
  CHECK_FALSE(is_junk(pool.members.front(), "7"));
  CHECK(count(pool, "7") == 1);
}

TEST_CASE("nodes that look like ours and have no container") {
  const Pool pool = pool_of(Json::array({container("w-1", "running")}),
                            {node("w-1"), node("w-5"), node("w-x"), node("other"), node("x", "alertscaler.io/pool")});
  std::string names;
  for (const ClusterNode& stray : pool.strays) names += stray.name + " ";
  CHECK(names == "w-5 x ");
  CHECK(highest_index(pool, "w-") == 5);
}
