# ci_library(NAME dep...): the folder's *.cc as library ci_NAME, its *_test.cc as test program NAME_test.
# What a folder may include is what it links: the arrows of docs/architecture.md. `./dev lint` refuses other includes
# (tools/lint_includes.py), the linker what they would use.
function(ci_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  list(REMOVE_ITEM sources ${tests} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  add_library(ci_${name} STATIC ${sources})
  target_include_directories(ci_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(ci_${name} PUBLIC ${ARGN})
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ci_${name} GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
