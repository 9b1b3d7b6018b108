/* A plugin that says why it does not open. */
#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    const edgemesh_text subject = {"NoLicence", 9};
    const edgemesh_text message = {"there is no licence", 19};
    (void)api;
    host->error(call, EDGEMESH_FAILED, subject, message);
    return EDGEMESH_FAILED;
}
