/* A plugin that answers a number, after `ms` milliseconds. What it is called
 * and how it behaves as it is loaded is said to the compiler: NAME, VERSION,
 * ALGORITHM, ALGORITHM_VERSION, ANSWER, AT_LOAD (0 well, 1 crashes, 2 hangs, 3
 * exits, 4 does not open), ABI, DESCRIPTION. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edgemesh_plugin.h>

#ifndef NAME
#define NAME "answer"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef ALGORITHM
#define ALGORITHM "cpp.answer"
#endif
#ifndef ALGORITHM_VERSION
#define ALGORITHM_VERSION "1"
#endif
#ifndef ANSWER
#define ANSWER 1
#endif
#ifndef AT_LOAD
#define AT_LOAD 0
#endif
#ifndef ABI
#define ABI EDGEMESH_PLUGIN_ABI_VERSION
#endif
#ifndef DESCRIPTION
#define DESCRIPTION                                                            \
  "{\"name\": \"" NAME "\", \"version\": \"" VERSION                           \
  "\", \"algorithms\": [{\"name\": \"" ALGORITHM                               \
  "\", \"version\": \"" ALGORITHM_VERSION                                      \
  "\", \"description\": \"A number.\", \"parameters_schema\": {\"type\": "     \
  "\"object\", \"properties\": {\"ms\": {\"type\": \"integer\"}}}, "           \
  "\"idempotent\": true}]}"
#endif

const uint32_t edgemesh_plugin_abi_version = ABI;

#ifdef MISSING
extern int edgemesh_test_is_nowhere(void);
int use(void) { return edgemesh_test_is_nowhere(); }
#endif

__attribute__((constructor)) static void at_load(void) {
  if (AT_LOAD == 1)
    raise(SIGSEGV);
  while (AT_LOAD == 2)
    pause();
  if (AT_LOAD == 3)
    _exit(0);
}

static edgemesh_status describe(edgemesh_plugin *self, edgemesh_text *json) {
  static const char description[] = DESCRIPTION;
  (void)self;
  json->data = description;
  json->size = sizeof description - 1;
  return EDGEMESH_OK;
}

static edgemesh_status run(edgemesh_plugin *self,
                           const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call) {
  char number[32];
  int ms = 0;
  const char *given =
      request->parameters.size ? strchr(request->parameters.data, ':') : NULL;
  edgemesh_text result;
  (void)self;
  if (given)
    ms = atoi(given + 1);
  usleep((useconds_t)ms * 1000);
  result.data = number;
  result.size = (size_t)snprintf(number, sizeof number, "%d", ANSWER);
  return host->result(call, result);
}

edgemesh_status edgemesh_plugin_open(const edgemesh_host *host,
                                     edgemesh_call *call,
                                     edgemesh_plugin_api *api) {
  static const char subject[] = "NoLicence", why[] = "the licence has ended";
  edgemesh_text type, message;
  type.data = subject, type.size = sizeof subject - 1;
  message.data = why, message.size = sizeof why - 1;
  if (AT_LOAD == 4) {
    host->error(call, EDGEMESH_FAILED, type, message);
    return EDGEMESH_FAILED;
  }
  api->describe = describe;
  api->run = run;
  api->struct_size = sizeof *api;
  return EDGEMESH_OK;
}
