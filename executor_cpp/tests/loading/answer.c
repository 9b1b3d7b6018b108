/* A plugin that answers a number, after `ms` milliseconds. What it is called
 * and how it behaves as it is loaded is said to the compiler: NAME, VERSION,
 * ALGORITHM, ALGORITHM_VERSION, ANSWER, AT_LOAD (0 well, 1 crashes, 2 hangs, 3
 * exits, 4 does not open, 5 hangs until there is a file UNTIL), SELF_TEST (0 none, 1 crashes, 2 hangs, 3 exits, 4
 * fails, 5 passes), ABI, DESCRIPTION. */
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
#ifndef UNTIL
#define UNTIL "/"
#endif
#ifndef SELF_TEST
#define SELF_TEST 0
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

static void misbehave(int how) {
  if (how == 1)
    raise(SIGSEGV);
  while (how == 2)
    pause();
  if (how == 3)
    _exit(0);
  while (how == 5 && access(UNTIL, F_OK))
    usleep(10000);
}

__attribute__((constructor)) static void at_load(void) { misbehave(AT_LOAD); }

static edgemesh_text text(const char *words) {
  edgemesh_text text;
  text.data = words, text.size = strlen(words);
  return text;
}

static edgemesh_status self_test(edgemesh_plugin *self,
                                 const edgemesh_host *host,
                                 edgemesh_call *call) {
  (void)self;
  misbehave(SELF_TEST);
  if (SELF_TEST == 5)
    return EDGEMESH_OK;
  host->error(call, EDGEMESH_FAILED, text("OldLibrary"),
              text("libfoo 2 is needed, 1 is here"));
  return EDGEMESH_FAILED;
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
  if (AT_LOAD == 4) {
    host->error(call, EDGEMESH_FAILED, text("NoLicence"),
                text("the licence has ended"));
    return EDGEMESH_FAILED;
  }
  if (SELF_TEST && EDGEMESH_HAS(api, self_test))
    api->self_test = self_test;
  api->describe = describe;
  api->run = run;
  api->struct_size = sizeof *api;
  return EDGEMESH_OK;
}
