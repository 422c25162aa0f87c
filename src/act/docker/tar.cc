#include "act/docker/tar.h"

#include <cstdio>
#include <numeric>

namespace alertscaler::docker {
namespace {

constexpr std::size_t block = 512;

void put(std::string& header, std::size_t at, std::string_view text) {
  header.replace(at, text.size(), text);
}

}  // namespace

std::string tar_of_directory(std::string_view name) {
  std::string header(block, '\0');  // the fields of POSIX ustar
  put(header, 0, std::string(name) + "/");
  put(header, 100, "0000755");
  put(header, 108, "0000000");      // user
  put(header, 116, "0000000");      // group
  put(header, 124, "00000000000");  // size
  put(header, 136, "00000000000");  // time
  put(header, 148, "        ");     // the checksum counts as blanks
  put(header, 156, "5");            // a directory
  put(header, 257, "ustar");
  put(header, 263, "00");
  const unsigned sum = std::accumulate(header.begin(), header.end(), 0U,
                                       [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  std::string checksum(8, '\0');
  std::snprintf(checksum.data(), checksum.size(), "%06o", sum);
  checksum[7] = ' ';
  put(header, 148, checksum);
  return header + std::string(2 * block, '\0');
}

}  // namespace alertscaler::docker
