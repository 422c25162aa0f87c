# cmake -DFROM=src/page -DTO=files.cc -P embed_page.cmake: the page's files as bytes, as they are and gzipped.
# Their names begin with a digest of all of them, so that a browser may keep them for ever and never mixes two versions.
cmake_minimum_required(VERSION 3.24)

set(types html "text/html" css "text/css" js "text/javascript" svg "image/svg+xml")
file(GLOB paths LIST_DIRECTORIES false ${FROM}/*.html ${FROM}/*.css ${FROM}/*.js ${FROM}/*.svg)
list(SORT paths)

set(digests)
foreach(path ${paths})
  file(SHA256 ${path} digest)
  string(APPEND digests "${digest}")
endforeach()
string(SHA256 digest "${digests}")
string(SUBSTRING ${digest} 0 16 digest)

# Sets ${name} to the bytes of a file as a list for C++.
function(read_bytes name path)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(${name} "${bytes}" PARENT_SCOPE)
endfunction()

set(arrays)
set(rows)
foreach(path ${paths})
  cmake_path(GET path FILENAME name)
  cmake_path(GET path EXTENSION LAST_ONLY extension)
  string(SUBSTRING ${extension} 1 -1 extension)
  list(FIND types ${extension} at)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  string(MAKE_C_IDENTIFIER ${name} id)
  set(plain ${TO}.${name})
  file(READ ${path} text)
  string(REPLACE "@ASSETS@" "page/${digest}" text "${text}")
  file(WRITE ${plain} "${text}")
  execute_process(COMMAND gzip -9nc ${plain} OUTPUT_FILE ${plain}.gz COMMAND_ERROR_IS_FATAL ANY)
  read_bytes(plain_bytes ${plain})
  read_bytes(gzip_bytes ${plain}.gz)
  file(REMOVE ${plain} ${plain}.gz)
  string(APPEND arrays "constexpr unsigned char ${id}_plain[] = {${plain_bytes}};\n"
    "constexpr unsigned char ${id}_gzip[] = {${gzip_bytes}};\n")
  string(APPEND rows "    {\"${name}\", \"${type}; charset=utf-8\", view(${id}_plain), view(${id}_gzip)},\n")
endforeach()

file(WRITE ${TO} "// Made by src/cmake/embed_page.cmake from src/page.
#include \"page/files.h\"

namespace alertscaler::page {
namespace {

${arrays}
template <std::size_t size>
std::string_view view(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::string_view digest() {
  return \"${digest}\";
}

std::span<const File> files() {
  static const File all[] = {
${rows}  };
  return all;
}

}  // namespace alertscaler::page
")
