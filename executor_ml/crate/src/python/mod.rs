//! The Python bindings: convert, let go of the interpreter lock, delegate. No logic of their own.

mod blip;
mod detector;
mod embedder;
mod exceptions;
mod generator;
mod graph;
mod picture;
mod reranker;
mod sam;
mod speech;
mod tensors;
mod transcriber;
mod vision;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

#[pymodule]
#[pyo3(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("BUILD", crate::cpu::BUILD)?;
    module.add("DEVICES", PyTuple::new(module.py(), crate::cpu::DEVICES)?)?;
    module.add_function(wrap_pyfunction!(kernels, module)?)?;
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_class::<embedder::Embedder>()?;
    module.add_class::<embedder::EmbedJob>()?;
    module.add_class::<generator::Generator>()?;
    module.add_class::<generator::Generation>()?;
    module.add_class::<generator::Token>()?;
    module.add_class::<reranker::Reranker>()?;
    module.add_class::<reranker::RerankJob>()?;
    blip::register(module)?;
    detector::register(module)?;
    graph::register(module)?;
    picture::register(module)?;
    sam::register(module)?;
    speech::register(module)?;
    tensors::register(module)?;
    transcriber::register(module)?;
    vision::register(module)?;
    exceptions::register(module)
}

#[pyfunction]
fn kernels() -> &'static str {
    crate::cpu::kernels()
}

#[pyfunction]
fn threads() -> usize {
    crate::cpu::threads()
}
