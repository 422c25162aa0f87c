// The writing half of the API: a count by hand, pause and resume.
#pragma once

#include <string_view>

#include "receive/answer.h"
#include "receive/ports.h"
#include "receive/request.h"
#include "remember/store.h"

namespace alertscaler::receive {

// Thread-safe. An empty name stands for all targets.
class Controls {
 public:
  Controls(Store& store, Controller& controller) : store_(store), controller_(controller) {}

  [[nodiscard]] Answer replicas(const Request& request, std::string_view name);
  [[nodiscard]] Answer pause(const Request& request, std::string_view name);
  [[nodiscard]] Answer resume(const Request& request, std::string_view name);

 private:
  [[nodiscard]] Answer answer(const Result<Ordered>& ordered, std::string_view name) const;

  Store& store_;
  Controller& controller_;
};

}  // namespace alertscaler::receive
