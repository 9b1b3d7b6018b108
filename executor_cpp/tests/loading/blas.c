/* A plugin that asks the BLAS that it was linked with for a dot product, and
 * says which it was. NAME is what it is called; SECRET what a function answers
 * that each variant has by one name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <edgemesh_plugin.h>

double cblas_ddot(int n, const double *x, int step_x, const double *y,
                  int step_y);

const uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;

/* Exported, so that it would meet the other variant's were they in one process
 * and scope. */
EDGEMESH_EXPORT int edgemesh_test_secret(void) { return SECRET; }

static edgemesh_status describe(edgemesh_plugin *self, edgemesh_text *json) {
  static const char description[] =
      "{\"name\": \"" NAME
      "\", \"version\": \"1.0.0\", \"algorithms\": [{\"name\": \"cpp." NAME
      "\", \"version\": \"1\", \"description\": \"A dot product.\", "
      "\"idempotent\": true}]}";
  (void)self;
  json->data = description;
  json->size = sizeof description - 1;
  return EDGEMESH_OK;
}

static edgemesh_status run(edgemesh_plugin *self,
                           const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call) {
  const double x[] = {1, 2, 3}, y[] = {4, 5, 6};
  char json[512];
  Dl_info library;
  edgemesh_text result;
  const char *file = "";
  (void)self, (void)request;
  if (dladdr((void *)cblas_ddot, &library))
    file = library.dli_fname;
  result.data = json;
  result.size = (size_t)snprintf(
      json, sizeof json, "{\"dot\": %g, \"library\": \"%s\", \"secret\": %d}",
      cblas_ddot(3, x, 1, y, 1), file, edgemesh_test_secret());
  return host->result(call, result);
}

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host,
                                     edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
  (void)host, (void)call;
  api->describe = describe;
  api->run = run;
  api->struct_size = sizeof *api;
  return EDGEMESH_OK;
}
