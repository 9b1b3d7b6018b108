/* A plugin that aborts, hangs or exits as it is loaded; with SELF_TEST it does so there, or fails.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

static void misbehave(void) {
#if defined(ABORTS)
    abort();
#elif defined(HANGS)
    for (;;) pause();
#elif defined(LEAVES)
    exit(0);
#endif
}

#if defined(SELF_TEST)
static edgemesh_text text(const char *words) {
    edgemesh_text text;
    text.data = words, text.size = strlen(words);
    return text;
}

static edgemesh_status describe(edgemesh_plugin *self, edgemesh_text *json) {
    (void)self;
    *json = text("{}");
    return EDGEMESH_OK;
}

static edgemesh_status run(edgemesh_plugin *self, const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call) {
    (void)self, (void)request, (void)host, (void)call;
    return EDGEMESH_OK;
}

static edgemesh_status self_test(edgemesh_plugin *self, const edgemesh_host *host,
                                 edgemesh_call *call) {
    (void)self;
    misbehave();
    host->error(call, EDGEMESH_FAILED, text("OldLibrary"), text("libfoo 2 is needed, 1 is here"));
    return EDGEMESH_FAILED;
}
#else
__attribute__((constructor)) static void start(void) { misbehave(); }
#endif

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    (void)host;
    (void)call;
#if defined(SELF_TEST)
    if (!EDGEMESH_HAS(api, self_test)) return EDGEMESH_FAILED;
    api->describe = describe, api->run = run, api->self_test = self_test;
    api->struct_size = sizeof *api;
    return EDGEMESH_OK;
#else
    (void)api;
    return EDGEMESH_FAILED;
#endif
}
