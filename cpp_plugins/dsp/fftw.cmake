# FFTW 3 in both precisions (Debian: libfftw3-dev), as the target edgemesh_fftw, and the headers
# beside this file. `include` it from a plugin's CMakeLists.txt.
if(TARGET edgemesh_fftw)
  return()
endif()

find_path(FFTW3_INCLUDE_DIR fftw3.h REQUIRED)
find_library(FFTW3_LIBRARY fftw3 REQUIRED)   # double precision
find_library(FFTW3F_LIBRARY fftw3f REQUIRED) # single precision

add_library(edgemesh_fftw INTERFACE)
target_include_directories(edgemesh_fftw INTERFACE "${CMAKE_CURRENT_LIST_DIR}")
target_include_directories(edgemesh_fftw SYSTEM INTERFACE ${FFTW3_INCLUDE_DIR})
target_link_libraries(edgemesh_fftw INTERFACE ${FFTW3_LIBRARY} ${FFTW3F_LIBRARY})
