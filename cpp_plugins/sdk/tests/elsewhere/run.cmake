# run(<command>...): fails the test if the command does.
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# expect_manifest(<name>): <prefix>/plugins/<name>.json has the sum of <name>.so.
function(expect_manifest name)
  file(SHA256 "${WORK}/prefix/plugins/${name}.so" sum)
  file(READ "${WORK}/prefix/plugins/${name}.json" manifest)
  string(JSON stated GET "${manifest}" sha256)
  if(NOT stated STREQUAL sum)
    message(FATAL_ERROR "${name}.json says ${stated}, ${name}.so has ${sum}")
  endif()
endfunction()
