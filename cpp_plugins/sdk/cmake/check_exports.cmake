# cmake -DNM=… -DPLUGIN=… -P check_exports.cmake
# Fails unless the plugin exports exactly the interface's two symbols and needs none of Python's.
execute_process(COMMAND "${NM}" --dynamic --defined-only --format=just-symbols "${PLUGIN}"
  OUTPUT_VARIABLE defined OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" defined "${defined}")
list(SORT defined)
if(NOT defined STREQUAL "edgemesh_plugin_abi_version;edgemesh_plugin_open")
  message(FATAL_ERROR "${PLUGIN} exports: ${defined}")
endif()

execute_process(COMMAND "${NM}" --dynamic --undefined-only --format=just-symbols "${PLUGIN}"
  OUTPUT_VARIABLE needed COMMAND_ERROR_IS_FATAL ANY)
if(needed MATCHES "(^|\n)_?Py[A-Z_]")
  message(FATAL_ERROR "${PLUGIN} needs Python")
endif()
