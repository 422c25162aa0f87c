# Every library is a distribution package. A missing one is named together with the package to install.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(require_target target package)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "${target} not found. Debian and Ubuntu: apt-get install ${package}")
  endif()
endfunction()

find_package(nlohmann_json QUIET)
require_target(nlohmann_json::nlohmann_json nlohmann-json3-dev)
find_package(spdlog QUIET)
require_target(spdlog::spdlog libspdlog-dev)
find_package(tl-expected QUIET)
require_target(tl::expected libexpected-dev)
find_package(CLI11 QUIET)
require_target(CLI11::CLI11 libcli11-dev)
find_package(simdjson QUIET)
require_target(simdjson::simdjson libsimdjson-dev)
find_package(CURL QUIET)
require_target(CURL::libcurl libcurl4-openssl-dev)
find_package(SQLite3 QUIET)
require_target(SQLite::SQLite3 libsqlite3-dev)
find_package(OpenSSL QUIET)
require_target(OpenSSL::Crypto libssl-dev)
find_package(prometheus-cpp QUIET)
require_target(prometheus-cpp::core prometheus-cpp-dev)

find_package(yaml-cpp QUIET)
if(TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)   # 0.7 exports the bare name
  add_library(yaml-cpp::yaml-cpp INTERFACE IMPORTED GLOBAL)
  target_link_libraries(yaml-cpp::yaml-cpp INTERFACE yaml-cpp)
endif()
require_target(yaml-cpp::yaml-cpp libyaml-cpp-dev)

# Debian compiles httplib with OpenSSL, zlib and brotli on; without the same macros the classes differ in size,
# so the flags must come from pkg-config.
pkg_check_modules(HTTPLIB QUIET IMPORTED_TARGET GLOBAL cpp-httplib)
if(TARGET PkgConfig::HTTPLIB AND NOT TARGET httplib::httplib)
  add_library(httplib::httplib INTERFACE IMPORTED GLOBAL)
  target_link_libraries(httplib::httplib INTERFACE PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
endif()
require_target(httplib::httplib libcpp-httplib-dev)
