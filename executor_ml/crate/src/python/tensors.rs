//! `Evaluation` of a graph of tensors.

use crate::tensor::{self, Checked, Graph, Kind, TensorError, dtype_of, name_of};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;

create_exception!(edgemesh_candle, GraphError, super::exceptions::CandleError);

impl From<TensorError> for PyErr {
    fn from(error: TensorError) -> Self {
        let (field, reason) = (error.field(), error.to_string());
        Python::attach(|py| {
            let exception = GraphError::new_err(reason.clone());
            exception.value(py).setattr("field", field)?;
            exception.value(py).setattr("reason", reason)?;
            Ok(exception)
        })
        .unwrap_or_else(|failure: PyErr| failure)
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct Evaluation(tensor::Evaluation);

type Input<'py> = (String, Vec<usize>, Bound<'py, PyAny>);

#[pymethods]
impl Evaluation {
    #[new]
    fn new(
        py: Python<'_>,
        graph: &str,
        inputs: BTreeMap<String, Input<'_>>,
        most_bytes: usize,
    ) -> PyResult<Self> {
        let graph = Graph::parse(graph)?;
        let mut given: Vec<(String, Kind, Vec<u8>)> = Vec::new();
        for (name, (dtype, shape, data)) in inputs {
            let dtype =
                dtype_of(&dtype).ok_or_else(|| PyValueError::new_err("an unknown dtype"))?;
            let data = PyBuffer::<u8>::get(&data)?.to_vec(py)?;
            given.push((name, Kind::new(dtype, shape), data));
        }
        let kinds = given.iter().map(|(name, kind, _)| (name.clone(), kind.clone())).collect();
        let checked = Checked::new(graph, &kinds, most_bytes)?;
        let given: Vec<_> = given
            .iter()
            .map(|(name, kind, data)| (name.clone(), kind.clone(), &data[..]))
            .collect();
        Ok(Self(py.detach(|| tensor::Evaluation::new(checked, &given))?))
    }

    fn step(&mut self, py: Python<'_>) -> PyResult<bool> {
        Ok(py.detach(|| self.0.step())?)
    }

    fn outputs(&self) -> Vec<(String, &'static str, Vec<usize>)> {
        let told = |(name, kind): (String, Kind)| (name, name_of(kind.dtype), kind.shape);
        self.0.outputs().into_iter().map(told).collect()
    }

    fn write(&self, py: Python<'_>, name: &str, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let buffer = PyBuffer::<u8>::get(out)?;
        let outputs = self.0.outputs();
        let size = outputs
            .iter()
            .find(|(known, _)| known == name)
            .and_then(|(_, kind)| kind.elements().map(|count| count * kind.dtype.size_in_bytes()));
        if buffer.readonly() || !buffer.is_c_contiguous() || Some(buffer.len_bytes()) != size {
            return Err(PyValueError::new_err(
                "out must be a writable buffer of the output's size",
            ));
        }
        if size == Some(0) {
            return Ok(());
        }
        // SAFETY: writable, contiguous and of that size (checked above), kept alive by `buffer`;
        // that nobody else uses it meanwhile is the caller's promise.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes())
        };
        Ok(py.detach(|| self.0.write(name, bytes))?)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("GraphError", module.py().get_type::<GraphError>())?;
    module.add("MOST_OPS", tensor::MOST_OPS)?;
    module.add_class::<Evaluation>()
}
