//! What callers wait for must not end in a panic of the thread that computes it.

/// Ends the process when it is dropped in a panic: callers would wait for ever, and the pool makes
/// another process, finds out which of the calls it was, and runs the others again.
pub struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
