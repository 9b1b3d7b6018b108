//! The Python bindings: convert and delegate. No logic of their own.

mod datapath;
mod events;

use bytes::Bytes;
use pyo3::prelude::*;

use crate::head;
use crate::rope::Rope;

#[pymodule]
#[pyo3(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(examine, module)?)?;
    module.add_class::<datapath::DataPath>()
}

/// What the data path reads of a message that came in these pieces.
#[pyfunction]
fn examine(pieces: Vec<Vec<u8>>) -> Option<(String, String, u8)> {
    let mut rope = Rope::default();
    for piece in pieces {
        rope.push(Bytes::from(piece));
    }
    let head = head::examine(rope.cursor())?;
    Some((head.request_id, head.algorithm, head.priority))
}
