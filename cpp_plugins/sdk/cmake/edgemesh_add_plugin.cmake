# edgemesh_add_plugin(<name> SOURCES <file>... [LIBRARIES <target>...] [NOT_INSTALLED])
#   builds <name>.so, which exports the two symbols of edgemesh_plugin.h and nothing else, and
#   installs it to `plugins` under the prefix.
#   - a test named <name>.exports holds it to that, if BUILD_TESTING;
#   - no undefined symbol is left to load time, except in sanitizer builds;
#   - no symbol is unique process-wide (g++ makes those of inline statics so, RTLD_LOCAL or not,
#     and two plugins would share them).
function(edgemesh_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NOT_INSTALLED" "" "SOURCES;LIBRARIES")
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "edgemesh_add_plugin(${name}): SOURCES missing, or unknown arguments: "
                        "${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target edgemesh_plugin_${name})
  set(map "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map")

  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE edgemesh::plugin ${arg_LIBRARIES})
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME ${name}
    CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS "${map}")
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wconversion -Wshadow -Wpedantic
    $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${map}" "LINKER:--exclude-libs,ALL"
    $<$<NOT:$<BOOL:${EDGEMESH_SANITIZE}>>:LINKER:-z,defs>)
  if(NOT arg_NOT_INSTALLED)
    install(TARGETS ${target} LIBRARY DESTINATION plugins)
  endif()
  if(BUILD_TESTING)
    add_test(NAME ${name}.exports
      COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DPLUGIN=$<TARGET_FILE:${target}>
              -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_exports.cmake")
  endif()
endfunction()

# edgemesh_add_plugin_test(<plugin> SOURCES <file>...)
#   a GoogleTest program that loads the plugin as the executor does; EDGEMESH_PLUGIN_FILE is its
#   path. Nothing is done unless BUILD_TESTING.
function(edgemesh_add_plugin_test plugin)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  find_package(GTest REQUIRED)
  set(target edgemesh_plugin_${plugin}_test)
  add_executable(${target} ${arg_SOURCES})
  add_dependencies(${target} edgemesh_plugin_${plugin})
  target_link_libraries(${target} PRIVATE edgemesh::plugin edgemesh::plugin_host
                        GTest::gtest_main ${arg_LIBRARIES})
  target_compile_definitions(${target} PRIVATE
    EDGEMESH_PLUGIN_FILE="$<TARGET_FILE:edgemesh_plugin_${plugin}>")
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow)
  include(GoogleTest)
  gtest_discover_tests(${target} TEST_PREFIX "${plugin}." DISCOVERY_TIMEOUT 60)
endfunction()
