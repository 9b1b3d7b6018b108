# Makes a plugin as `make plugin` does, and does with it what its Makefile offers.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
find_program(MAKE NAMES make gmake REQUIRED NO_CACHE)
set(ENV{CMAKE_PREFIX_PATH} "${WORK}/prefix")
set(ENV{CXX} "${CXX}")
set(script "${SDK}/../new_plugin.sh")

file(REMOVE_RECURSE "${WORK}/sample")
run(sh ${script} sample ${WORK})
run(${MAKE} -C ${WORK}/sample PREFIX=${WORK}/prefix)
expect_manifest(sample)
run(${MAKE} -C ${WORK}/sample remove PREFIX=${WORK}/prefix)
file(GLOB left "${WORK}/prefix/plugins/*sample*")
if(left)
  message(FATAL_ERROR "make remove has left ${left}")
endif()

foreach(name sample Sample 1x "a b" build fft ifft "")
  execute_process(COMMAND sh ${script} "${name}" ${WORK}
    RESULT_VARIABLE status ERROR_VARIABLE said OUTPUT_QUIET)
  string(REGEX MATCHALL "\n" lines "${said}")
  list(LENGTH lines count)
  # fft and ifft are free in this folder, but algorithms of another plugin.
  if(status EQUAL 0 OR NOT count EQUAL 1)
    message(FATAL_ERROR "new_plugin.sh '${name}' gave ${status}: ${said}")
  endif()
endforeach()
