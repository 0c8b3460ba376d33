# nodevol_defaults(target): our compiler options and warnings.
function(nodevol_defaults target)
  target_link_libraries(${target} PRIVATE nodevol_options nodevol_warnings)
endfunction()

# nodevol_library(name SOURCES ... DEPS ...): the static library of one folder, with the alias
# nodevol::name.
function(nodevol_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(nodevol_${name} STATIC ${ARG_SOURCES})
  add_library(nodevol::${name} ALIAS nodevol_${name})
  nodevol_defaults(nodevol_${name})
  target_link_libraries(nodevol_${name} PUBLIC nodevol_options ${ARG_DEPS})
endfunction()

# nodevol_test(name SOURCES ... DEPS ... [LABELS ...]): a GoogleTest program.
function(nodevol_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  nodevol_defaults(${name})
  # The code under test is optimised as it is shipped; the tests are built in a third less time.
  set_target_properties(${name} PROPERTIES NODEVOL_UNOPTIMISED ON)
  target_compile_options(${name} PRIVATE -O0)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
endfunction()
