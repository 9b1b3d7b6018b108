# Installs the SDK under a prefix, and builds a plugin against that prefix alone.
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
file(REMOVE_RECURSE "${WORK}")
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SDK} -B ${WORK}/sdk -DBUILD_TESTING=OFF)
run(${CMAKE_COMMAND} --install ${WORK}/sdk --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK}/plugin -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/plugin)
run(${CMAKE_COMMAND} --install ${WORK}/plugin --prefix ${WORK}/prefix)
if(NOT EXISTS ${WORK}/prefix/plugins/scale.so)
  message(FATAL_ERROR "plugins/scale.so is missing")
endif()
