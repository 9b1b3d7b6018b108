//! Sizes of HTTP/2, as measured: smaller ones cost throughput, larger ones memory for nothing.

/// Bytes that a stream may have on its way.
pub const STREAM: u32 = 4 << 20;
/// … and all streams of a caller's connection.
pub const CONNECTION: u32 = 16 << 20;
/// Where streams' own windows are the only bound.
pub const UNBOUNDED: u32 = (1 << 31) - 1;
pub const FRAME: u32 = 64 << 10;
pub const SEND_BUFFER: usize = 1 << 20;
/// Streams of one caller's connection that are open at a time.
pub const STREAMS: u32 = 10_000;
/// Streams that were reset and that a peer may still send to; many cancel at once.
pub const RESET_STREAMS: usize = 10_000;
/// What many small frames, a token each, may cost beside their bytes.
pub const SMALL_FRAMES: usize = 64 << 20;
/// As gRPC's own servers take.
pub const HEADERS: u32 = 16 << 10;
