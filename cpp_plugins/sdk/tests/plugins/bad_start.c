/* A plugin that, aborts, hangs or exits as it is loaded. */
#include <stdlib.h>
#include <unistd.h>

#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

__attribute__((constructor)) static void start(void) {
#if defined(ABORTS)
    abort();
#elif defined(HANGS)
    for (;;) pause();
#else
    exit(0);
#endif
}

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    (void)host;
    (void)call;
    (void)api;
    return EDGEMESH_FAILED;
}
