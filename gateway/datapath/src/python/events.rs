//! Events and records as tuples, as `_native.pyi` writes them down.

use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::questions::Event;
use crate::records::Record;

pub fn event(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::Ask { id, lane, priority, tenant, size, left } => {
            let left = left.map(|left| left.as_secs_f64());
            ("ask", id, lane, priority, &*tenant, size, left).into_pyobject(py)
        }
        Event::SlotFree(lane) => ("slot", lane).into_pyobject(py),
        Event::Gone(id) => ("gone", id).into_pyobject(py),
        Event::Failed { id, lane, failure, request_id, left, second } => (
            "failed",
            id,
            lane,
            failure.started,
            failure.code,
            failure.message,
            PyBytes::new(py, &failure.details),
            request_id,
            left.map(|left| left.as_secs_f64()),
            second,
        )
            .into_pyobject(py),
        Event::Idle => ("idle",).into_pyobject(py),
    }
}

pub fn record(py: Python<'_>, record: Record) -> PyResult<Bound<'_, PyTuple>> {
    let ended = record.ended.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (reason, message) = record.refusal.unzip();
    (
        record.stream,
        record.code,
        record.seconds,
        ended,
        record.request_id,
        &*record.identity.tenant,
        &*record.identity.who,
        record.algorithm,
        reason,
        message,
    )
        .into_pyobject(py)
}
