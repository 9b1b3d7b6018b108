//! A checked graph, evaluated one node at a time, so that its caller can look at its clock.

use super::check::Checked;
use super::error::{Result, TensorError};
use super::kind::Kind;
use super::ops;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// A graph on its way to its outputs.
pub struct Evaluation {
    checked: Checked,
    inputs: BTreeMap<String, Tensor>,
    values: Vec<Option<Tensor>>,
}

impl Evaluation {
    /// `inputs`: each with the bytes of its elements, little-endian, in C order.
    pub fn new(checked: Checked, inputs: &[(String, Kind, &[u8])]) -> Result<Self> {
        let inputs = inputs
            .iter()
            .map(|(name, kind, data)| {
                let shape = kind.shape.as_slice();
                let made = Tensor::from_raw_buffer(data, kind.dtype, shape, &Device::Cpu);
                let wrong = |error: candle_core::Error| TensorError::Output {
                    name: name.clone(),
                    reason: error.to_string(),
                };
                Ok((name.clone(), made.map_err(wrong)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { values: Vec::with_capacity(checked.kinds.len()), checked, inputs })
    }

    /// Compute the next node; false when all are.
    pub fn step(&mut self) -> Result<bool> {
        let index = self.values.len();
        let Some(node) = self.checked.graph.nodes.get(index) else { return Ok(false) };
        let args: Vec<&Tensor> =
            node.args.iter().map(|&arg| self.values[arg].as_ref().expect("it is used")).collect();
        let kind = &self.checked.kinds[index];
        let value = match node.op.as_str() {
            "input" => Ok(self.inputs[node.name.as_deref().expect("checked")].clone()),
            _ => ops::apply(node, &args, kind),
        };
        let value = value.map_err(|failure| match failure {
            ops::Failure::Value(reason) => TensorError::Node { index, op: node.op.clone(), reason },
            ops::Failure::Backend(error) => {
                TensorError::Backend { index, op: node.op.clone(), reason: error.to_string() }
            }
        })?;
        self.values.push(Some(value));
        for &arg in &node.args {
            if self.checked.last_use[arg] == index {
                self.values[arg] = None;
            }
        }
        Ok(true)
    }

    /// The outputs' names and kinds, in the order of names.
    pub fn outputs(&self) -> Vec<(String, Kind)> {
        let kind = |&node: &usize| self.checked.kinds[node].clone();
        self.checked.graph.outputs.iter().map(|(name, node)| (name.clone(), kind(node))).collect()
    }

    /// Write an output's elements into `out`, which has their size.
    pub fn write(&self, name: &str, out: &mut [u8]) -> Result<()> {
        let node = self.checked.graph.outputs[name];
        let value = self.values[node].as_ref().expect("outputs are kept");
        ops::write(value, out).map_err(|error| TensorError::Output {
            name: name.to_owned(),
            reason: error.to_string(),
        })
    }
}
