//! `Graph` and `GraphRun`: models in ONNX.

use super::exceptions::CandleError;
use crate::onnx::{self, Dim, Element, OnnxError, Port};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;
use std::sync::Arc;

create_exception!(edgemesh_candle, OnnxInputError, CandleError);
create_exception!(edgemesh_candle, OnnxNodeError, CandleError);

impl From<OnnxError> for PyErr {
    fn from(error: OnnxError) -> Self {
        let message = error.to_string();
        Python::attach(|py| {
            let (exception, (first, what), reason) = match error {
                OnnxError::Input { field, reason } => {
                    (OnnxInputError::new_err(message), ("field", field), reason)
                }
                OnnxError::Node { node, reason } => {
                    (OnnxNodeError::new_err(message), ("node", node), reason)
                }
            };
            exception.value(py).setattr(first, what)?;
            exception.value(py).setattr("reason", reason)?;
            Ok(exception)
        })
        .unwrap_or_else(|failure: PyErr| failure)
    }
}

/// Name, type of elements, dimensions (-1: any; none: any number of them), for a person.
type Told = (String, &'static str, Option<Vec<i64>>, String);

/// Name, type of elements, shape, bytes.
type Output<'py> = (String, &'static str, Vec<usize>, Bound<'py, PyBytes>);

fn told(port: &Port) -> Told {
    let dims = port.shape.as_ref().map(|shape| {
        shape.iter().map(|dim| if let Dim::Fixed(n) = dim { *n as i64 } else { -1 }).collect()
    });
    (port.name.clone(), port.element.name(), dims, port.told())
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Graph(Arc<onnx::Graph>);

#[pymethods]
impl Graph {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(py.detach(|| onnx::Graph::open(&path))?)))
    }

    #[getter]
    fn inputs(&self) -> Vec<Told> {
        self.0.inputs.iter().map(told).collect()
    }

    #[getter]
    fn outputs(&self) -> Vec<Told> {
        self.0.outputs.iter().map(told).collect()
    }

    fn start(
        &self,
        py: Python<'_>,
        inputs: Vec<(String, String, Vec<usize>, Bound<'_, PyAny>)>,
    ) -> PyResult<GraphRun> {
        let mut given = Vec::with_capacity(inputs.len());
        for (name, dtype, shape, data) in inputs {
            let element = Element::of_name(&dtype)
                .ok_or_else(|| PyValueError::new_err("an unknown dtype"))?;
            given.push((name, element, shape, PyBuffer::<u8>::get(&data)?.to_vec(py)?));
        }
        let given: Vec<_> = given
            .iter()
            .map(|(name, element, shape, data)| (&name[..], *element, &shape[..], &data[..]))
            .collect();
        Ok(GraphRun(py.detach(|| onnx::Evaluation::new(self.0.clone(), &given))?))
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct GraphRun(onnx::Evaluation);

#[pymethods]
impl GraphRun {
    fn step(&mut self, py: Python<'_>) -> PyResult<bool> {
        Ok(py.detach(|| self.0.step())?)
    }

    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Output<'py>>> {
        let mut outputs = Vec::new();
        for (index, port) in self.0.graph().outputs.iter().enumerate() {
            let value = self.0.output(index)?;
            let bytes = py.detach(|| value.bytes())?;
            let shape = value.dims().to_vec();
            outputs.push((
                port.name.clone(),
                value.element.name(),
                shape,
                PyBytes::new(py, &bytes),
            ));
        }
        Ok(outputs)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("OnnxInputError", module.py().get_type::<OnnxInputError>())?;
    module.add("OnnxNodeError", module.py().get_type::<OnnxNodeError>())?;
    module.add_class::<Graph>()?;
    module.add_class::<GraphRun>()
}
