//! One call of a graph, in steps.

use super::attributes::Attributes;
use super::element::Element;
use super::error::{Fault, OnnxError};
use super::graph::{Graph, Node, Work};
use super::ops::{Given, Run};
use super::ports;
use super::value::{Value, room};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a step computes, as far as its last node allows.
const STEP: Duration = Duration::from_millis(5);

/// A graph on its way to its outputs.
pub struct Evaluation {
    graph: Arc<Graph>,
    values: Vec<Option<Value>>,
    next: usize,
}

impl Evaluation {
    /// Check what a call gives: name, type, shape and bytes of each.
    pub fn new(
        graph: Arc<Graph>,
        given: &[(&str, Element, &[usize], &[u8])],
    ) -> Result<Self, OnnxError> {
        let kinds: Vec<_> =
            given.iter().map(|(n, element, shape, _)| (*n, *element, *shape)).collect();
        ports::check(&graph.inputs, &kinds)?;
        let mut values = Vec::with_capacity(graph.inputs.len());
        for port in &graph.inputs {
            let found = given.iter().find(|(name, ..)| *name == port.name);
            let read = found.ok_or_else(|| Fault::Expected("required".to_owned())).and_then(
                |(_, element, shape, bytes)| {
                    let size = room(shape)? * element.bytes();
                    if size != bytes.len() {
                        return Fault::expected(format!("{size} bytes, not {}", bytes.len()));
                    }
                    Ok(Value { element: *element, tensor: element.read(bytes, shape)? })
                },
            );
            values.push(read.map_err(|fault| OnnxError::Input {
                field: format!("inputs.{}", port.name),
                reason: fault.to_string(),
            })?);
        }
        Ok(Self::of_values(graph, values))
    }

    /// Of values that are what the inputs are, in their order.
    pub fn of_values(graph: Arc<Graph>, inputs: Vec<Value>) -> Self {
        let mut values = graph.constants.clone();
        for (place, value) in graph.input_places.iter().zip(inputs) {
            values[*place] = Some(value);
        }
        Self { graph, values, next: 0 }
    }

    /// Compute a few nodes; false when all are.
    pub fn step(&mut self) -> Result<bool, OnnxError> {
        let graph = self.graph.clone();
        let began = Instant::now();
        while let Some(node) = graph.nodes.get(self.next) {
            run(node, graph.opset, &mut self.values)?;
            self.next += 1;
            if began.elapsed() > STEP {
                break;
            }
        }
        Ok(self.next < graph.nodes.len())
    }

    /// An output, by its number.
    pub fn output(&self, index: usize) -> Result<&Value, OnnxError> {
        let found = self.graph.output_places.get(index).and_then(|at| self.values[*at].as_ref());
        found.ok_or_else(|| OnnxError::Node {
            node: "of outputs".to_owned(),
            reason: format!("output {index} was not computed"),
        })
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}

fn run(node: &Node, opset: i64, values: &mut [Option<Value>]) -> Result<(), OnnxError> {
    let wrong =
        |fault: Fault| OnnxError::Node { node: node.label.clone(), reason: fault.to_string() };
    let given: Vec<Option<Value>> =
        node.inputs.iter().map(|place| place.and_then(|at| values[at].clone())).collect();
    let computed = match &node.work {
        Work::Op { run, attributes } => {
            compute(*run, attributes, opset, &given, node.outputs.len()).map_err(wrong)?
        }
        Work::If { then, otherwise } => {
            let holds = given
                .first()
                .and_then(Option::as_ref)
                .ok_or_else(|| Fault::Expected("a condition".to_owned()))
                .and_then(Value::integer)
                .map_err(wrong)?
                != 0;
            let body = if holds { then } else { otherwise };
            for inner in &body.nodes {
                self::run(inner, opset, values)?;
            }
            let outputs = body.outputs.iter().map(|at| {
                values[*at].clone().ok_or_else(|| wrong(Fault::Expected("no value".to_owned())))
            });
            let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
            for inner in &body.nodes {
                inner.outputs.iter().flatten().for_each(|at| values[*at] = None);
            }
            outputs
        }
    };
    for (place, value) in node.outputs.iter().zip(computed) {
        if let Some(place) = place {
            values[*place] = Some(value);
        }
    }
    node.frees.iter().for_each(|at| values[*at] = None);
    Ok(())
}

/// The outputs of an operator; that it panics, by numbers that nobody thought of, is a fault too.
pub(super) fn compute(
    run: Run,
    attributes: &Attributes,
    opset: i64,
    inputs: &[Option<Value>],
    outputs: usize,
) -> Result<Vec<Value>, Fault> {
    let given = Given { attributes, opset, inputs, outputs };
    let values = catch_unwind(AssertUnwindSafe(|| run(&given)))
        .unwrap_or_else(|_| Fault::expected("it cannot compute with these values"))?;
    if values.len() < outputs {
        return Fault::expected(format!("{} outputs, not {outputs}", values.len()));
    }
    Ok(values)
}
