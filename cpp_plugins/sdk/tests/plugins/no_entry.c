/* A plugin that has forgotten its entry. */
#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;
