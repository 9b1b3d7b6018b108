/* A plugin in plain C: it sums the bytes of its first input. Its state is a counter of calls. */
#include <stdio.h>
#include <stdlib.h>

#include <edgemesh_plugin.h>

struct edgemesh_plugin {
    int calls;
};

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

static edgemesh_text text(const char *data, size_t size) {
    edgemesh_text text;
    text.data = data;
    text.size = size;
    return text;
}

static edgemesh_status describe(edgemesh_plugin *self, edgemesh_text *json) {
    static const char description[] =
        "{\"name\": \"plain\", \"version\": \"1\", \"algorithms\": []}";
    (void)self;
    *json = text(description, sizeof description - 1);
    return EDGEMESH_OK;
}

static edgemesh_status run(edgemesh_plugin *self, const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call) {
    unsigned long sum = 0;
    uint64_t i;
    char json[64];
    int size;
    if (request->input_count == 0) {
        host->error(call, EDGEMESH_INVALID_INPUT, text("inputs", 6), text("one is required", 15));
        return EDGEMESH_INVALID_INPUT;
    }
    for (i = 0; i < request->inputs[0]->nbytes; ++i) {
        sum += ((const unsigned char *)request->inputs[0]->data)[i];
    }
    self->calls += 1;
    size = snprintf(json, sizeof json, "{\"sum\": %lu, \"calls\": %d}", sum, self->calls);
    return host->result(call, text(json, (size_t)size));
}

static void close_plugin(edgemesh_plugin *self) { free(self); }

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    (void)host;
    (void)call;
    if (!EDGEMESH_HAS(api, close)) return EDGEMESH_FAILED;
    api->self = calloc(1, sizeof *api->self);
    api->describe = describe;
    api->run = run;
    api->close = close_plugin;
    api->struct_size = sizeof *api;
    return EDGEMESH_OK;
}
