# Highway's vectorised sort (Debian: libhwy-dev), as the target edgemesh_highway. `include` it from a
# plugin's CMakeLists.txt.
if(TARGET edgemesh_highway)
  return()
endif()

find_path(HIGHWAY_INCLUDE_DIR hwy/contrib/sort/vqsort.h REQUIRED)
find_library(HIGHWAY_LIBRARY hwy REQUIRED)
find_library(HIGHWAY_SORT_LIBRARY hwy_contrib REQUIRED)

add_library(edgemesh_highway INTERFACE)
target_include_directories(edgemesh_highway SYSTEM INTERFACE ${HIGHWAY_INCLUDE_DIR})
target_link_libraries(edgemesh_highway INTERFACE ${HIGHWAY_SORT_LIBRARY} ${HIGHWAY_LIBRARY})
