# The CMake package of the plugin SDK: edgemesh::plugin (headers), edgemesh::plugin_host (for
# tests that load plugins), edgemesh::plugin_tool (the program edgemesh-plugin),
# edgemesh_add_plugin and edgemesh_add_plugin_test. It works from the source tree and from an
# install prefix alike; from the source tree it builds the program with the project.
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json 3.10)

find_path(EDGEMESH_PLUGIN_INCLUDE_DIR edgemesh_plugin.h
  PATHS "${CMAKE_CURRENT_LIST_DIR}/../include"           # source tree: sdk/cmake
        "${CMAKE_CURRENT_LIST_DIR}/../../../include"     # prefix: lib/cmake/edgemesh_plugin
        "${CMAKE_CURRENT_LIST_DIR}/../../../../include"  # prefix: lib/<machine>/cmake/…
  NO_DEFAULT_PATH NO_CACHE REQUIRED)

if(NOT TARGET edgemesh::plugin)
  add_library(edgemesh::plugin INTERFACE IMPORTED)
  target_include_directories(edgemesh::plugin INTERFACE "${EDGEMESH_PLUGIN_INCLUDE_DIR}")
  target_compile_features(edgemesh::plugin INTERFACE cxx_std_17)
  target_link_libraries(edgemesh::plugin INTERFACE nlohmann_json::nlohmann_json)

  add_library(edgemesh::plugin_host INTERFACE IMPORTED)
  target_include_directories(edgemesh::plugin_host INTERFACE "${EDGEMESH_PLUGIN_INCLUDE_DIR}")
  target_compile_features(edgemesh::plugin_host INTERFACE cxx_std_17)
  target_link_libraries(edgemesh::plugin_host INTERFACE ${CMAKE_DL_LIBS})
endif()

# A cross build has no use for it: it loads plugins.
if(NOT TARGET edgemesh::plugin_tool AND NOT CMAKE_CROSSCOMPILING)
  if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/../tools/CMakeLists.txt")
    add_subdirectory("${CMAKE_CURRENT_LIST_DIR}/../tools"
                     "${CMAKE_BINARY_DIR}/edgemesh_plugin_tool")
  else()
    find_program(EDGEMESH_PLUGIN_TOOL edgemesh-plugin
      PATHS "${CMAKE_CURRENT_LIST_DIR}/../../../bin" "${CMAKE_CURRENT_LIST_DIR}/../../../../bin"
      NO_DEFAULT_PATH NO_CACHE REQUIRED)
    add_executable(edgemesh::plugin_tool IMPORTED)
    set_target_properties(edgemesh::plugin_tool PROPERTIES
      IMPORTED_LOCATION "${EDGEMESH_PLUGIN_TOOL}")
  endif()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/edgemesh_add_plugin.cmake")
