# Installs the SDK under a prefix.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE "${WORK}")
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SDK} -B ${WORK}/sdk -DBUILD_TESTING=OFF
    -DCMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${WORK}/sdk)
run(${CMAKE_COMMAND} --install ${WORK}/sdk --prefix ${WORK}/prefix)
