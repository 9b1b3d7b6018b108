# edgemesh_add_plugin(<name> SOURCES <file>... [LIBRARIES <target>...]
#                     [DESTINATION <folder>] [NOT_INSTALLED])
#   builds <name>.so, which exports the two symbols of edgemesh_plugin.h and nothing else, and
#   installs it with its manifest <name>.json to `plugins` (or DESTINATION) under the prefix.
#   - if BUILD_TESTING, the test <name>.exports holds it to that, and <name>.check loads it and
#     looks at what it says of itself;
#   - no undefined symbol is left to load time, except in sanitizer builds;
#   - no symbol is unique process-wide (g++ makes those of inline statics so, RTLD_LOCAL or not,
#     and two plugins would share them);
#   - libraries that it links outside the system's folders are found where they were at link time.
function(edgemesh_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NOT_INSTALLED" "DESTINATION" "SOURCES;LIBRARIES")
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
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH_USE_LINK_PATH ON
    CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS "${map}")
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wconversion -Wshadow -Wpedantic
    $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${map}" "LINKER:--exclude-libs,ALL"
    $<$<NOT:$<BOOL:${EDGEMESH_SANITIZE}>>:LINKER:-z,defs>)
  set(tool "")
  if(TARGET edgemesh::plugin_tool)
    set(tool "$<TARGET_FILE:edgemesh::plugin_tool>")
    if(TARGET edgemesh_plugin_tool)
      add_dependencies(${target} edgemesh_plugin_tool)
    endif()
  endif()
  if(NOT arg_NOT_INSTALLED)
    if(NOT arg_DESTINATION)
      set(arg_DESTINATION plugins)
    endif()
    # CODE of one directory shares its variables, and sets them anew for each plugin.
    install(CODE "
      set(TOOL \"${tool}\")
      set(STRIP \"${CMAKE_STRIP}\")
      set(BUILT_WITH \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\")
      include(\"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/install_plugin.cmake\")
      set(folder \"${arg_DESTINATION}\")
      cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
      edgemesh_install_plugin(\"$<TARGET_FILE:${target}>\" \"\${folder}\")")
  endif()
  if(BUILD_TESTING)
    add_test(NAME ${name}.exports
      COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DPLUGIN=$<TARGET_FILE:${target}>
              -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_exports.cmake")
    # A sanitizer's runtime must be in the program too.
    if(tool AND (TARGET edgemesh_plugin_tool OR NOT EDGEMESH_SANITIZE))
      add_test(NAME ${name}.check COMMAND "${tool}" check $<TARGET_FILE:${target}>)
    endif()
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
