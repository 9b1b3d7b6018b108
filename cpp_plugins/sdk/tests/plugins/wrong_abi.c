/* A plugin of a later interface. To open it would be the end. */
#include <stdlib.h>

#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = 999;

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    (void)host;
    (void)call;
    (void)api;
    abort();
}
