"""WASI preview 1, as a sandbox's host has it: a machine in memory, one per run.

    World          clocks, randomness and files of one run
    PREVIEW1       the functions, by the place that a module imports them from
    define, enter  tie functions to a linker, and a thread to its run

Rules: nothing of the host is reachable through it: no disk, no socket, no environment. A
function never raises into Wasmtime; the guest's bytes are a stranger's.
"""

from __future__ import annotations

from edgemesh_sandbox.wasi import descriptor_calls, path_calls, process_calls
from edgemesh_sandbox.wasi.calls import Functions, Running, define, enter
from edgemesh_sandbox.wasi.poll import poll_oneoff
from edgemesh_sandbox.wasi.world import FILES_BYTES, World

__all__ = ["FILES_BYTES", "PREVIEW1", "Functions", "Running", "World", "define", "enter"]

_MODULE = "wasi_snapshot_preview1"
_BY_NAME = (
    process_calls.args_get,
    process_calls.args_sizes_get,
    process_calls.environ_get,
    process_calls.environ_sizes_get,
    process_calls.clock_res_get,
    process_calls.clock_time_get,
    process_calls.random_get,
    process_calls.proc_exit,
    process_calls.sched_yield,
    descriptor_calls.fd_advise,
    descriptor_calls.fd_close,
    descriptor_calls.fd_fdstat_get,
    descriptor_calls.fd_fdstat_set_flags,
    descriptor_calls.fd_filestat_get,
    descriptor_calls.fd_filestat_set_size,
    descriptor_calls.fd_filestat_set_times,
    descriptor_calls.fd_pread,
    descriptor_calls.fd_prestat_get,
    descriptor_calls.fd_prestat_dir_name,
    descriptor_calls.fd_pwrite,
    descriptor_calls.fd_read,
    descriptor_calls.fd_readdir,
    descriptor_calls.fd_seek,
    descriptor_calls.fd_sync,
    descriptor_calls.fd_tell,
    descriptor_calls.fd_write,
    path_calls.path_create_directory,
    path_calls.path_filestat_get,
    path_calls.path_filestat_set_times,
    path_calls.path_link,
    path_calls.path_open,
    path_calls.path_readlink,
    path_calls.path_remove_directory,
    path_calls.path_rename,
    path_calls.path_symlink,
    path_calls.path_unlink_file,
    poll_oneoff,
)
_SOCKETS = ("sock_accept", "sock_recv", "sock_send", "sock_shutdown")

PREVIEW1: Functions = {
    **{(_MODULE, function.__name__): function for function in _BY_NAME},
    (_MODULE, "fd_datasync"): descriptor_calls.fd_sync,
    **{(_MODULE, name): process_calls.no_socket for name in _SOCKETS},
}
