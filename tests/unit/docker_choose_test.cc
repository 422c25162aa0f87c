#include "act/docker/choose.h"
#include "support/catch.h"

using namespace alertscaler::docker;

namespace {

// "1", "2 unhealthy", "3 exited", "4 created ours"
Replica replica(const std::string& text) {
  Replica made;
  made.number = std::stoi(text);
  made.id = made.name = "web-" + std::to_string(made.number);
  made.created = 100;
  made.config_hash = "old";
  const auto has = [&](const char* word) { return text.find(word) != std::string::npos; };
  made.life = has("exited")       ? Life::exited
              : has("created")    ? Life::created
              : has("paused")     ? Life::paused
              : has("restarting") ? Life::restarting
              : has("removing")   ? Life::removing
              : has("dead")       ? Life::dead
                                  : Life::running;
  made.health = has("unhealthy")  ? Health::unhealthy
                : has("starting") ? Health::starting
                : has("healthy")  ? Health::healthy
                                  : Health::none;
  if (made.life == Life::restarting) made.health = Health::none;
  if (has("ours")) made.action = "7";
  if (has("new")) {
    made.config_hash = "new";
    made.created = 200;
  }
  return made;
}

std::vector<Replica> service(const std::vector<std::string>& texts) {
  std::vector<Replica> made;
  for (const std::string& text : texts) made.push_back(replica(text));
  return made;
}

std::string numbers(const std::vector<Replica>& replicas) {
  std::string out;
  for (const Replica& r : replicas) out += (out.empty() ? "" : " ") + std::to_string(r.number);
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("what counts as a replica") {
  struct Case {
    std::string name;
    Texts replicas;
    bool we_stop;
    int expected;
  };
  const auto c = GENERATE(values<Case>({
      {"none", {}, false, 0},
      {"stopped ones count beside running ones", {"1", "2 exited", "3 dead", "4 created"}, false, 4},
      {"what is being removed does not", {"1", "2 removing"}, false, 1},
      {"what an unfinished action left does not", {"1", "2 created ours"}, false, 1},
      {"a service that somebody stopped has none", {"1 exited", "2 exited ours", "3 created"}, false, 0},
      {"one that we are stopping has them until they are gone", {"1 exited", "2 exited"}, true, 2},
      {"a paused or restarting one lives", {"1 paused", "2 exited"}, false, 2},
      {"a restarting one lives", {"1 restarting"}, false, 1},
  }));
  CAPTURE(c.name);
  CHECK(count(service(c.replicas), c.we_stop) == c.expected);
}

TEST_CASE("new replicas are made like the best one") {
  struct Case {
    std::string name;
    Texts replicas;
    int expected;  // 0: none
  };
  const auto c = GENERATE(values<Case>({
      {"nothing to make them like", {}, 0},
      {"the lowest number of equals", {"2 healthy", "3 healthy"}, 2},
      {"healthy before starting", {"1 starting", "2 healthy"}, 2},
      {"starting before unhealthy", {"1 unhealthy", "2 starting"}, 2},
      {"running before stopped", {"1 exited", "2 unhealthy"}, 2},
      {"a stopped one serves", {"1 exited", "2 exited"}, 1},
      {"exited before created", {"1 created", "2 exited"}, 2},
      {"a leftover of ours is the last choice", {"1 created ours", "2 created"}, 2},
      {"what is going away is no choice", {"1 removing", "2 dead"}, 0},
      {"the newest configuration of several", {"1 healthy", "2 healthy new", "3 healthy new"}, 2},
      {"a new configuration that does not work is not spread", {"1 healthy", "2 unhealthy new"}, 1},
  }));
  CAPTURE(c.name);
  const auto replicas = service(c.replicas);
  const Replica* best = best_template(replicas);
  CHECK((best == nullptr ? 0 : best->number) == c.expected);
}

TEST_CASE("numbers go on from the highest, and gaps stay") {
  CHECK(next_number({}) == 1);
  CHECK(next_number(service({"1", "3"})) == 4);
  CHECK(next_number(service({"2 exited", "9 removing"})) == 10);
}

TEST_CASE("the steps to a count") {
  struct Case {
    std::string name;
    Texts replicas;
    int to;
    std::string start;
    int create;
    std::string surplus, junk;
    std::set<std::string> going;
  };
  const auto c = GENERATE(values<Case>({
      {"nothing to do", {"1", "2"}, 2, "", 0, "", "", {}},
      {"what is missing is made", {"1", "2"}, 5, "", 3, "", "", {}},
      {"from nothing", {}, 2, "", 2, "", "", {}},
      {"stopped ones are started first, the lowest first", {"1", "2 exited", "3 created"}, 4, "2 3", 1, "", "", {}},
      {"highest numbers go first", {"1", "2", "3"}, 1, "", 0, "3 2", "", {}},
      {"what does not run goes before what does", {"1 exited", "2", "3"}, 2, "", 0, "1", "", {}},
      {"the unhealthy go before the healthy", {"1 unhealthy", "2 healthy", "3 healthy"}, 2, "", 0, "1", "", {}},
      {"stopped, then unhealthy, then high numbers", {"1 exited", "2 unhealthy", "3", "4"}, 1, "", 0, "1 2 4", "", {}},
      {"a starting one is no worse than a healthy one", {"1 starting", "2 healthy"}, 1, "", 0, "2", "", {}},
      {"to zero everything goes", {"1", "2 exited"}, 0, "", 0, "2 1", "", {}},
      {"leftovers and the dead are junk", {"1", "2 created ours", "3 dead"}, 2, "", 1, "", "2 3", {}},
      {"those that are being stopped stay the victims", {"1", "2", "3"}, 2, "", 0, "", "", {"web-1"}},
      {"and are replaced when more are wanted", {"1", "2"}, 2, "", 1, "", "", {"web-2"}},
      {"what is being removed is not touched", {"1", "2 removing"}, 2, "", 1, "", "", {}},
  }));
  CAPTURE(c.name);
  const Steps steps = steps_to(service(c.replicas), c.to, c.going);
  CHECK(numbers(steps.start) == c.start);
  CHECK(steps.create == c.create);
  CHECK(numbers(steps.surplus) == c.surplus);
  CHECK(numbers(steps.junk) == c.junk);
}

TEST_CASE("replicas of several configurations are mixed") {
  CHECK_FALSE(are_mixed(service({"1", "2 exited"})));
  CHECK(are_mixed(service({"1", "2 new"})));
  CHECK_FALSE(are_mixed(service({"1", "2 new removing"})));
}
