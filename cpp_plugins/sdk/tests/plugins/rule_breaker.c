/* A plugin whose algorithms are each named for the rule that they break. */
#include <math.h>
#include <string.h>

#include <edgemesh_plugin.h>

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

static edgemesh_text text(const char *string) {
    edgemesh_text text;
    text.data = string;
    text.size = strlen(string);
    return text;
}

static edgemesh_status output(const edgemesh_host *host, edgemesh_call *call, edgemesh_dtype dtype,
                              int64_t length, uint32_t rank) {
    void *data;
    int64_t shape[64];
    uint32_t i;
    for (i = 0; i < rank; ++i) shape[i] = length;
    return host->output(call, text("y"), dtype, shape, rank, &data);
}

static edgemesh_status run(edgemesh_plugin *self, const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call) {
    char name[32] = {0};
    (void)self;
    memcpy(name, request->algorithm.data,
           request->algorithm.size < 31 ? request->algorithm.size : 31);
    if (strcmp(name, "unknown_status") == 0) return 77;
    if (strcmp(name, "silent_failure") == 0) return EDGEMESH_FAILED;
    if (strcmp(name, "unknown_kind") == 0) host->error(call, 77, text("x"), text("y"));
    if (strcmp(name, "overflow") == 0) output(host, call, EDGEMESH_FLOAT64, INT64_MAX / 4, 2);
    if (strcmp(name, "negative") == 0) output(host, call, EDGEMESH_FLOAT64, -1, 1);
    if (strcmp(name, "rank") == 0) output(host, call, EDGEMESH_FLOAT64, 1, 33);
    if (strcmp(name, "dtype") == 0) output(host, call, 99, 1, 1);
    if (strcmp(name, "twice") == 0) {
        output(host, call, EDGEMESH_INT8, 1, 1);
        output(host, call, EDGEMESH_INT8, 1, 1);
    }
    if (strcmp(name, "media_type") == 0) host->media_type(call, text("y"), text("image/png"));
    if (strcmp(name, "error_and_ok") == 0) {
        host->error(call, EDGEMESH_FAILED, text("Contradiction"), text("after all"));
    }
    if (strcmp(name, "odd_progress") == 0) {
        host->progress(call, NAN, text(""));
        host->progress(call, -1.0, text(""));
        host->progress(call, 1e300, text(""));
        host->print(call, 7, text("nowhere"));
    }
    if (strcmp(name, "deaf") == 0) { /* goes on after a refusal */
        if (output(host, call, EDGEMESH_INT8, 8, 1) == EDGEMESH_OK) return EDGEMESH_OK;
        host->result(call, text("1"));
        host->progress(call, 0.5, text(""));
        host->error(call, EDGEMESH_FAILED, text("x"), text("y"));
    }
    return EDGEMESH_OK;
}

static edgemesh_status describe(edgemesh_plugin *self, edgemesh_text *json) {
    (void)self;
    (void)json;
    return EDGEMESH_FAILED;
}

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
    (void)host;
    (void)call;
    api->describe = describe;
    api->run = run; /* and no close */
    api->struct_size = sizeof *api;
    return EDGEMESH_OK;
}
