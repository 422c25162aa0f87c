# Warnings, sanitizers and the language standard, as one INTERFACE target; nothing is set globally but the launcher.
option(ALERTSCALER_WERROR "Warnings are errors (on where we develop; off in what others build, whose compiler may warn of what ours does not)" OFF)
option(ALERTSCALER_CRASH_POINTS "Honour ALERTSCALER_CRASH_AT: the process kills itself at a named point of an action" OFF)
set(ALERTSCALER_SANITIZE "" CACHE STRING "Sanitizers: address;undefined or thread")

find_program(ALERTSCALER_CCACHE ccache)
if(ALERTSCALER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ALERTSCALER_CCACHE})
endif()

add_library(alertscaler_flags INTERFACE)
target_compile_features(alertscaler_flags INTERFACE cxx_std_20)
target_compile_options(alertscaler_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wformat=2 -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond;-Wlogical-op>
  $<$<BOOL:${ALERTSCALER_WERROR}>:-Werror>)
target_compile_options(alertscaler_flags INTERFACE -fstack-protector-strong)
if(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_options(alertscaler_flags INTERFACE -D_FORTIFY_SOURCE=2 -fstack-clash-protection)
  target_link_options(alertscaler_flags INTERFACE -Wl,-z,relro,-z,now)
else()
  # A seventh of the time of GNU ld for twenty programs full of debug information.
  find_program(ALERTSCALER_LLD ld.lld)
  if(ALERTSCALER_LLD)
    target_link_options(alertscaler_flags INTERFACE -fuse-ld=lld)
  endif()
endif()
if(ALERTSCALER_CRASH_POINTS)
  target_compile_definitions(alertscaler_flags INTERFACE ALERTSCALER_CRASH_POINTS)
endif()
if(ALERTSCALER_SANITIZE)
  list(JOIN ALERTSCALER_SANITIZE "," sanitizers)
  # Lines are all that a report needs; the whole of -g costs a fifth more time.
  target_compile_options(alertscaler_flags INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(alertscaler_flags INTERFACE -fsanitize=${sanitizers})
endif()
