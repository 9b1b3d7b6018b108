# edgemesh_install_plugin(<built .so> <folder>): the install rule of edgemesh_add_plugin, at install
# time. Puts <name>.so and its manifest <name>.json into the folder, for an executor that watches
# it, and for processes that have the old file mapped. Hence:
#   - each file is complete beside its place and then renamed; never written in place;
#   - the library comes first and the manifest last: a plugin is taken when its manifest has the
#     library's sum, so that whoever looks in between sees the old one or none, never a mixture;
#   - the sum is of the file as installed, stripped or not.
# Needs TOOL (edgemesh-plugin; empty in cross builds), STRIP and BUILT_WITH.
function(edgemesh_install_plugin built folder)
  set(folder "$ENV{DESTDIR}${folder}")
  cmake_path(GET built STEM LAST_ONLY name)
  # A name that neither ends in .so nor may clash with another install's.
  string(RANDOM LENGTH 8 random)
  set(library "${folder}/.${name}.so.${random}")
  set(manifest "${folder}/.${name}.json.${random}")

  message(STATUS "Installing: ${folder}/${name}.so")
  file(MAKE_DIRECTORY "${folder}")
  file(COPY_FILE "${built}" "${library}")
  if(CMAKE_INSTALL_DO_STRIP AND STRIP)
    execute_process(COMMAND "${STRIP}" "${library}" COMMAND_ERROR_IS_FATAL ANY)
  endif()
  file(CHMOD "${library}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  if(TOOL)
    execute_process(
      COMMAND "${TOOL}" manifest "${library}" --built-with "${BUILT_WITH}" --output "${manifest}"
      RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      file(REMOVE "${library}" "${manifest}")
      message(FATAL_ERROR "${name}.so is no plugin that could be served; it is not installed")
    endif()
  else()
    message(STATUS "No manifest: on the machine that it is for, run "
                   "edgemesh-plugin manifest ${name}.so --output ${name}.json")
  endif()
  file(RENAME "${library}" "${folder}/${name}.so")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${folder}/${name}.so")
  if(TOOL)
    file(RENAME "${manifest}" "${folder}/${name}.json")
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${folder}/${name}.json")
  endif()
  set(CMAKE_INSTALL_MANIFEST_FILES "${CMAKE_INSTALL_MANIFEST_FILES}" PARENT_SCOPE)
endfunction()
