# Compiler, warnings, hardening and sanitizers for our own targets.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

set(NODEVOL_SANITIZER "" CACHE STRING "address (with undefined), thread, or empty")
set_property(CACHE NODEVOL_SANITIZER PROPERTY STRINGS "" address thread)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

add_library(nodevol_options INTERFACE)
target_include_directories(nodevol_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)

add_library(nodevol_warnings INTERFACE)
target_compile_options(nodevol_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Wformat=2 -Werror)

if(NODEVOL_SANITIZER STREQUAL "address")
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(NODEVOL_SANITIZER STREQUAL "thread")
  # Atomic accesses inside headers of libraries that were not built for it: not races of ours.
  set(sanitize -fsanitize=thread -fno-omit-frame-pointer)
else()
  # docs/ARCHITECTURE.md, "Hardening". Fortified functions need optimisation.
  set(fortified $<AND:$<CONFIG:Release>,$<NOT:$<BOOL:$<TARGET_PROPERTY:NODEVOL_UNOPTIMISED>>>>)
  set(sanitize -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -ftrivial-auto-var-init=zero -fno-strict-overflow -fno-delete-null-pointer-checks
    $<${fortified}:-U_FORTIFY_SOURCE>
    $<${fortified}:-D_FORTIFY_SOURCE=3>
    -D_GLIBCXX_ASSERTIONS)
  target_link_options(nodevol_options INTERFACE
    -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
target_compile_options(nodevol_options INTERFACE ${sanitize}
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(NODEVOL_SANITIZER)
  target_link_options(nodevol_options INTERFACE ${sanitize})
endif()
