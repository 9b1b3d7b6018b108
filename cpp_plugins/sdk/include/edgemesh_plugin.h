/*
 * edgemesh_plugin.h: the border between edgemesh and a plugin, version 1.
 *
 * A plugin is a shared object that the C++ executor loads with dlopen(RTLD_NOW | RTLD_LOCAL)
 * into a worker process. Both sides may be built by different compilers, with different standard
 * libraries and options, in different years. Hence the rules, and what happens when one is broken:
 *
 *  1. Nothing but C crosses. No C++ object, no exception (it would unwind through frames that
 *     cannot be unwound: std::terminate), no FILE*, no longjmp.
 *  2. Whoever allocates frees. No side ever frees the other's memory: what the plugin hands out is
 *     copied before the call in which it does so returns; output buffers belong to the host.
 *  3. Structs grow at their end only. Each begins with `struct_size`, set by the side that made it.
 *     Read a field only if it lies within that size: EDGEMESH_HAS(ptr, field). Arrays of structs
 *     are arrays of pointers, so that their elements may grow too.
 *  4. Pointers that the host passes live until the call they were passed to returns, no longer.
 *     A thread that the plugin starts and that outlives the call must not touch them.
 *  5. Buffers are exactly as large as their shape says. Nothing guards them: one element past the
 *     end of an output corrupts another request's memory.
 *  6. `run` may be entered by several threads at once. Global state needs a lock, or better, should
 *     not be there. Locale, floating-point mode, signal handlers, the working directory, the
 *     environment and descriptors 0-2 are the process's: leave them as they are. Do not fork.
 *  7. Inputs are shared with other readers, and are constant. They may also be hostile: the host
 *     has checked that sizes fit together, not that values make sense.
 *
 * A crash costs the worker process and the requests in it, nothing more; it is still a bug.
 *
 * So is what no layer can catch: an exception that leaves a destructor while another is in flight,
 * a noexcept function, a thread that the plugin started or a region of OpenMP is std::terminate.
 *
 * C++ authors want edgemesh_plugin.hpp, which keeps these rules for them.
 */
#ifndef EDGEMESH_PLUGIN_H
#define EDGEMESH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this border. It changes only if rule 3 does not suffice; a host says which it
 * takes, and refuses others before it calls anything. */
#define EDGEMESH_PLUGIN_ABI_VERSION 1u

/* Dimensions that a tensor may have, at most. */
#define EDGEMESH_MAX_RANK 32u

/* Whether the struct behind `ptr` is large enough to have `field`. */
#define EDGEMESH_HAS(ptr, field)                                                                   \
    ((size_t)(ptr)->struct_size >=                                                                 \
     (size_t)((const char *)&(ptr)->field - (const char *)(ptr)) + sizeof((ptr)->field))

#if defined(__GNUC__)
#define EDGEMESH_EXPORT __attribute__((visibility("default")))
#else
#define EDGEMESH_EXPORT
#endif

/* UTF-8, `size` bytes, not terminated. Empty: size 0; `data` may then be NULL. Never grows. */
typedef struct edgemesh_text {
    const char *data;
    size_t size;
} edgemesh_text;

/* What a call came to. */
typedef int32_t edgemesh_status;
enum {
    EDGEMESH_OK = 0,
    /* An input or a parameter does not make sense; error() said which and what was expected. */
    EDGEMESH_INVALID_INPUT = 1,
    /* The algorithm failed on good input (a singular matrix, no convergence); error() said why. */
    EDGEMESH_FAILED = 2,
    /* cancelled() was seen and the work was left. */
    EDGEMESH_CANCELLED = 3,
    /* Given by the host's callbacks only: it cannot do what was asked (no memory, a broken rule).
     * Return at once, with this status. */
    EDGEMESH_REFUSED = 4
};

/* Element types; the numbers are those of edgemesh.compute.v1.DataType. Little-endian. */
typedef int32_t edgemesh_dtype;
enum {
    EDGEMESH_BOOL = 1, /* one byte, 0 or 1 */
    EDGEMESH_INT8 = 2,
    EDGEMESH_INT16 = 3,
    EDGEMESH_INT32 = 4,
    EDGEMESH_INT64 = 5,
    EDGEMESH_UINT8 = 6,
    EDGEMESH_UINT16 = 7,
    EDGEMESH_UINT32 = 8,
    EDGEMESH_UINT64 = 9,
    EDGEMESH_FLOAT16 = 10,
    EDGEMESH_BFLOAT16 = 11,
    EDGEMESH_FLOAT32 = 12,
    EDGEMESH_FLOAT64 = 13,
    EDGEMESH_COMPLEX64 = 14,  /* two float32: real, imaginary */
    EDGEMESH_COMPLEX128 = 15, /* two float64: real, imaginary */
    EDGEMESH_BYTES = 16       /* opaque; shape is [length in bytes] */
};

/* An input. `data` is aligned for its element type, and not NULL unless nbytes is 0. */
typedef struct edgemesh_tensor {
    uint32_t struct_size;
    edgemesh_dtype dtype;
    uint32_t rank;          /* 0 (a scalar) to EDGEMESH_MAX_RANK */
    uint32_t reserved;      /* 0 */
    const int64_t *shape;   /* `rank` lengths, each >= 0 */
    const int64_t *strides; /* bytes between neighbours along each dimension; NULL: C order.
                             * A host of version 1 passes NULL. */
    const void *data;
    uint64_t nbytes; /* of the elements: shape x dtype, whatever the strides */
    edgemesh_text name;
    edgemesh_text media_type; /* of EDGEMESH_BYTES, e.g. "image/png"; may be empty */
} edgemesh_tensor;

/* One request. */
typedef struct edgemesh_request {
    uint32_t struct_size;
    uint32_t input_count;
    edgemesh_text algorithm;  /* as described, e.g. "cpp.fft" */
    edgemesh_text version;    /* as described; empty: any */
    edgemesh_text parameters; /* a JSON object; empty: {} */
    const edgemesh_tensor *const *inputs;
    uint32_t threads;      /* threads that the call may compute with, itself included; >= 1 */
    uint32_t reserved;     /* 0 */
    uint64_t memory_bytes; /* memory that the process may use; 0: not stated */
    int64_t run_time_ns;   /* time until the call is stopped; 0: not stated */
} edgemesh_request;

/* The host's side of one call; its content is none of the plugin's business. */
typedef struct edgemesh_call edgemesh_call;

/* What a host offers to a call. `cancelled`, `progress` and `print` may be called by any thread
 * that works for the call, one at a time for the latter two; the others only by the thread that
 * was called. */
typedef struct edgemesh_host {
    uint32_t struct_size;
    uint32_t abi_version; /* EDGEMESH_PLUGIN_ABI_VERSION of the host */

    /* Reports an error; any number of times. `kind` is EDGEMESH_INVALID_INPUT or EDGEMESH_FAILED.
     * `subject`: for the former the path of the field ("parameters.axes[1]", "inputs.b"), for the
     * latter the error's type ("SingularMatrix"). The caller reads `message`: no addresses. */
    void (*error)(edgemesh_call *call, edgemesh_status kind, edgemesh_text subject,
                  edgemesh_text message);

    /* Gives the memory of one output, at most once for each name: *data is 16-byte aligned (64
     * where the host can), in C order, not initialised, and as large as shape x dtype.
     * EDGEMESH_OK or EDGEMESH_REFUSED. */
    edgemesh_status (*output)(edgemesh_call *call, edgemesh_text name, edgemesh_dtype dtype,
                              const int64_t *shape, uint32_t rank, void **data);

    /* Sets the result, a JSON value; the last one counts. EDGEMESH_OK or EDGEMESH_REFUSED. */
    edgemesh_status (*result)(edgemesh_call *call, edgemesh_text json);

    /* Not 0 once the caller has gone or the time is up. Cheap enough for every few microseconds. */
    int32_t (*cancelled)(edgemesh_call *call);

    /* Says how far the work is, 0 to 1; a host may drop what comes too often. */
    void (*progress)(edgemesh_call *call, double fraction, edgemesh_text message);

    /* Text for the caller to read: stream 1 is stdout, 2 is stderr. */
    void (*print)(edgemesh_call *call, int32_t stream, edgemesh_text text);

    /* Says what the bytes of an output are, e.g. "image/png"; after `output`. EDGEMESH_OK or
     * EDGEMESH_REFUSED. Hosts that were built before 1.1 end above: EDGEMESH_HAS. */
    edgemesh_status (*media_type)(edgemesh_call *call, edgemesh_text name,
                                  edgemesh_text media_type);
} edgemesh_host;

/* The plugin's own state; its content is none of the host's business. */
typedef struct edgemesh_plugin edgemesh_plugin;

/* What a plugin offers. The host zeroes it and sets struct_size to the room there is; the plugin
 * fills what it knows within that room and sets struct_size to what it has filled. */
typedef struct edgemesh_plugin_api {
    uint32_t struct_size;
    uint32_t reserved;     /* 0 */
    edgemesh_plugin *self; /* given back as first argument; may be NULL */

    /* Sets *json to what the plugin is (see below); it stays valid until close. */
    edgemesh_status (*describe)(edgemesh_plugin *self, edgemesh_text *json);

    /* Runs one request. Errors go to host->error, and their kind is the status. */
    edgemesh_status (*run)(edgemesh_plugin *self, const edgemesh_request *request,
                           const edgemesh_host *host, edgemesh_call *call);

    /* Frees everything; no call is running, none will come. May be NULL. */
    void (*close)(edgemesh_plugin *self);

    /* Looks whether the plugin works where it is: whether the libraries that it found are the right
     * ones, whether a small problem has its known answer. Called after open, in a process that is
     * thrown away, with a `call` for host->error and host->print; EDGEMESH_OK, or an error and its
     * kind, and then no host serves this file. Seconds are too long. May be NULL. What was built
     * before 1.2 ends above, and so does the room that such hosts offer: EDGEMESH_HAS. */
    edgemesh_status (*self_test)(edgemesh_plugin *self, const edgemesh_host *host,
                                 edgemesh_call *call);
} edgemesh_plugin_api;

/*
 * What a plugin exports, and nothing else.
 *
 * edgemesh_plugin_abi_version is read first. If it is not the host's, no function is called.
 *
 * edgemesh_plugin_open is called once by each host; `host` and `call` (for host->error only) live
 * until it returns.
 */
extern EDGEMESH_EXPORT const uint32_t edgemesh_plugin_abi_version;
EDGEMESH_EXPORT edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,
                                                     edgemesh_plugin_api *api);

/*
 * The description:
 *
 *   {"name": "fft", "version": "1.0.0", "description": "…",
 *    "algorithms": [{
 *       "name": "cpp.fft", "version": "1", "description": "…",
 *       "parameters_schema": {JSON Schema 2020-12 of the parameters},
 *       "result_schema": {JSON Schema of the result} or absent if there is none,
 *       "inputs":  [{"name": "x", "dtypes": ["float32", "complex64"], "shape": [-1, 3],
 *                    "any_rank": false, "required": true, "allow_empty": false,
 *                    "description": "…"}],
 *       "outputs": [the same],
 *       "streams": false, "idempotent": true, "default_run_time_ms": 0}]}
 *
 * dtypes: the constants' names in lower case, empty for any. A length of -1 is any length. With
 * any_rank the shape is absent. Unknown members are ignored.
 */

#ifdef __cplusplus
}
#endif

#endif
