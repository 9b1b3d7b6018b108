//! The error enum as Python exceptions, with its fields as attributes.
//!
//! CandleError ─ ModelError (path, reason) · PromptTooLong (tokens, limit) ·
//! TextTooLong (index, tokens, limit) ·
//! ConstraintError (place, reason) · ChatError (reason) · ParameterError (name, expected) · NumericError

use crate::error::Error;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(edgemesh_candle, CandleError, PyException);
create_exception!(edgemesh_candle, ModelError, CandleError);
create_exception!(edgemesh_candle, PromptTooLong, CandleError);
create_exception!(edgemesh_candle, TextTooLong, CandleError);
create_exception!(edgemesh_candle, ChatError, CandleError);
create_exception!(edgemesh_candle, ConstraintError, CandleError);
create_exception!(edgemesh_candle, ParameterError, CandleError);
create_exception!(edgemesh_candle, NumericError, CandleError);

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("CandleError", py.get_type::<CandleError>())?;
    module.add("ModelError", py.get_type::<ModelError>())?;
    module.add("PromptTooLong", py.get_type::<PromptTooLong>())?;
    module.add("TextTooLong", py.get_type::<TextTooLong>())?;
    module.add("ConstraintError", py.get_type::<ConstraintError>())?;
    module.add("ChatError", py.get_type::<ChatError>())?;
    module.add("ParameterError", py.get_type::<ParameterError>())?;
    module.add("NumericError", py.get_type::<NumericError>())
}

/// The exception for an error. Setting an attribute can fail only for want of memory.
impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        Python::attach(|py| {
            let (exception, fields) = match error {
                Error::Model { path, reason } => (
                    ModelError::new_err(message),
                    vec![
                        ("path", path.into_pyobject(py)?.into_any()),
                        ("reason", reason.into_pyobject(py)?.into_any()),
                    ],
                ),
                Error::PromptTooLong { tokens, limit } => (
                    PromptTooLong::new_err(message),
                    vec![
                        ("tokens", tokens.into_pyobject(py)?.into_any()),
                        ("limit", limit.into_pyobject(py)?.into_any()),
                    ],
                ),
                Error::TextTooLong { index, tokens, limit } => (
                    TextTooLong::new_err(message),
                    vec![
                        ("index", index.into_pyobject(py)?.into_any()),
                        ("tokens", tokens.into_pyobject(py)?.into_any()),
                        ("limit", limit.into_pyobject(py)?.into_any()),
                    ],
                ),
                Error::Constraint { place, reason } => (
                    ConstraintError::new_err(message),
                    vec![
                        ("place", place.into_pyobject(py)?.into_any()),
                        ("reason", reason.into_pyobject(py)?.into_any()),
                    ],
                ),
                Error::Chat { reason } => (
                    ChatError::new_err(message),
                    vec![("reason", reason.into_pyobject(py)?.into_any())],
                ),
                Error::Parameter { name, expected } => (
                    ParameterError::new_err(message),
                    vec![
                        ("name", name.into_pyobject(py)?.into_any()),
                        ("expected", expected.into_pyobject(py)?.into_any()),
                    ],
                ),
                Error::Numeric => (NumericError::new_err(message), vec![]),
                Error::Ended => (CandleError::new_err(message), vec![]),
            };
            for (name, value) in fields {
                exception.value(py).setattr(name, value)?;
            }
            Ok(exception)
        })
        .unwrap_or_else(|failure: PyErr| failure)
    }
}
