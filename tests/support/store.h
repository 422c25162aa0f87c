// Opens a store that a test needs.
#pragma once

#include <memory>
#include <stdexcept>

#include "remember/store.h"

namespace alertscaler::test {

[[nodiscard]] inline std::unique_ptr<Store> open_store(const std::filesystem::path& directory,
                                                       const StoreOptions& options = {}) {
  auto store = Store::open(directory, options);
  if (!store) throw std::runtime_error("open: " + store.error().message);
  return *std::move(store);
}

}  // namespace alertscaler::test
