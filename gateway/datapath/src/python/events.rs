//! Events and records as tuples, as `_native.pyi` writes them down.

use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::questions::Event;
use crate::records::Record;
use crate::way::Way;

pub fn event(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::Ask { id, lane, priority, tenant, size, left } => {
            let left = left.map(|left| left.as_secs_f64());
            ("ask", id, lane, priority, &*tenant, size, left).into_pyobject(py)
        }
        Event::SlotFree(lane) => ("slot", lane).into_pyobject(py),
        Event::Gone(id) => ("gone", id).into_pyobject(py),
        Event::Failed { id, lane, replica, failure, request_id, left, second } => (
            "failed",
            id,
            lane,
            replica,
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
    let Way { queued, ran, place, sent, seen, .. } = record.way;
    let seen = (
        seen.outcome,
        seen.algorithm,
        seen.queue_us,
        seen.run_us,
        seen.input_tokens,
        seen.output_tokens,
    );
    let way = (place, queued.as_secs_f64(), ran.as_secs_f64(), record.received, sent, seen);
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
        way,
    )
        .into_pyobject(py)
}
