//! The gateway's data path: HTTP/2 in and out, and the few bytes of a request that routing needs.
//!
//! | module | |
//! | --- | --- |
//! | `front` | the public port: connections, and a stop |
//! | `compute` | one Compute or ComputeStream, read top-down |
//! | `relay` | every other call, passed to Python's own server |
//! | `head`, `rope` | what routing reads of a request, in the pieces it came in |
//! | `house`, `context` | tables, slots and bytes; what is fixed once it runs |
//! | `lane`, `taken` | an executor's slots by replica; what a request has of all that |
//! | `identity`, `accounts` | who is known; what each tenant has taken and may take |
//! | `questions`, `records` | what Python decides and hears, in batches |
//! | `way`, `seen` | where a call has been, and what its answer tells of itself, for its record |
//! | `upstream`, `answer`, `reply`, `pipe` | the executor's side, its answer, the caller's side |
//! | `tls`, `peer` | the public port secured; who is at its other end |
//! | `status`, `timeout`, `framing`, `windows` | gRPC on HTTP/2 |
//! | `python` | the bindings; without the feature `python` nothing here knows Python |

// Much of it is reached from Python only.
#![cfg_attr(not(feature = "python"), allow(dead_code))]

mod accounts;
mod answer;
mod arrival;
mod compute;
mod context;
mod framing;
mod front;
pub mod head;
mod house;
mod identity;
mod lane;
mod legible;
mod peer;
mod pipe;
mod questions;
mod records;
mod relay;
mod reply;
pub mod rope;
mod seen;
mod status;
mod taken;
mod timeout;
mod tls;
mod upstream;
mod way;
mod windows;

#[cfg(feature = "python")]
mod python;
