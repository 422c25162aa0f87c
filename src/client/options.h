// What the client commands are told, as values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/alert.h"

namespace alertscaler::client {

enum class Format { text, json };

// Which server, and how to be let in.
struct Connection {
  std::string url = "http://127.0.0.1:9095";
  std::string token_file;  // its first line is the bearer token; empty: none
  std::string ca_file;     // empty: the system's authorities
};

struct Common {
  Connection connection;
  Format format = Format::text;
};

struct SendOptions {
  Common common;
  std::string target;
  AlertAction action = AlertAction::up;
  bool resolved = false;
  std::string replicas;  // scale_replicas; empty: none
  std::string node;      // the label `node`; empty: none
  Labels labels;         // further ones
  Labels annotations;
};

struct StatusOptions {
  Common common;
  std::string target;  // empty: all
};

struct HistoryOptions {
  Common common;
  std::string target;  // empty: all
  std::string since;   // a duration or a time; empty: the newest
  int limit = 20;
  bool follow = false;
};

struct ScaleOptions {
  Common common;
  std::string target;
  int replicas = 0;
  std::string pin;  // a duration; empty: one action, no pin
};

struct PauseOptions {
  Common common;
  std::string target;    // empty: all
  std::string how_long;  // a duration; empty: until resumed
  bool resume = false;
};

struct ExplainOptions {
  Common common;
  std::string payload;  // a file; "-": standard input
  bool online = false;  // against the server of `common`; else by the files below
  std::string config_file = "alertscaler.yml";
  std::map<std::string, int> observed;  // how many replicas each target is taken to have
};

}  // namespace alertscaler::client
