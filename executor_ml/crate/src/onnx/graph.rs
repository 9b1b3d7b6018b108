//! A file as a list of nodes, each knowing the places of what it reads and gives.
//!
//! Rules: nothing of a file is believed; every refusal names what is wrong. An initializer that is
//! also an input is a constant.

use super::attributes::Attributes;
use super::error::Fault;
use super::evaluation::compute;
use super::literal;
use super::ops::{self, Run};
use super::ports::Port;
use super::proto::{self, Model};
use super::scope::Scope;
use super::value::Value;
use crate::error::{Error, Result};
use prost::Message;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;
const MOST_NODES: usize = 100_000;
/// Bytes of a file: what a message of protobuf may have.
const MOST_BYTES: u64 = 1 << 31;

pub(super) struct Node {
    pub label: String,
    pub work: Work,
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<Option<usize>>,
    /// Places that nothing needs after this node.
    pub frees: Vec<usize>,
}

pub(super) enum Work {
    Op { run: Run, attributes: Attributes },
    If { then: Body, otherwise: Body },
}

/// A graph inside a node.
pub(super) struct Body {
    pub nodes: Vec<Node>,
    pub outputs: Vec<usize>,
}

/// A compiled file.
pub struct Graph {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub(super) opset: i64,
    pub(super) nodes: Vec<Node>,
    pub(super) input_places: Vec<usize>,
    pub(super) output_places: Vec<usize>,
    /// By place: what depends on no input.
    pub(super) constants: Vec<Option<Value>>,
}

impl Graph {
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::model(path, reason);
        let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > MOST_BYTES {
            return Err(wrong(format!("has {size} bytes, {MOST_BYTES} at most")));
        }
        let data = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Self::of_bytes(data).map_err(|fault| wrong(fault.to_string()))
    }

    pub fn of_bytes(data: Vec<u8>) -> std::result::Result<Self, Fault> {
        let model = Model::decode(&data[..]).map_err(|error| {
            Fault::Expected(format!("is no ONNX model, or is cut off: {error}"))
        })?;
        drop(data); // The weights are in the message by now, and soon once more as tensors.
        let Some(graph) = &model.graph else {
            return Fault::expected("is no ONNX model: no graph");
        };
        let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let opset = model.opsets.iter().find(|set| own(&set.domain)).map_or(0, |set| set.version);
        if !OPSETS.contains(&opset) {
            return Fault::expected(format!(
                "is of operator set {opset}; those from {} to {} are supported",
                OPSETS.start(),
                OPSETS.end()
            ));
        }
        refuse(graph)?;
        let mut compiler = Compiler { opset, scope: Scope::default(), constants: HashMap::new() };
        compiler.scope.open();
        compiler.top(graph)
    }
}

/// Refuse what is not supported, all of it.
fn refuse(graph: &proto::Graph) -> std::result::Result<(), Fault> {
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = 0;
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        if !graph.sparse.is_empty() {
            *unknown.entry("sparse initializers".to_owned()).or_default() += 1;
        }
        for node in &graph.nodes {
            count += 1;
            graphs.extend(node.attributes.iter().filter_map(|each| each.graph.as_ref()));
            graphs.extend(node.attributes.iter().flat_map(|each| &each.graphs));
            let own = node.domain.is_empty() || node.domain == "ai.onnx";
            let reason = if !own {
                Some(format!("{}.{}", node.domain, node.op))
            } else if node.op == "If" {
                None
            } else if ops::find(&node.op).is_none() {
                Some(node.op.clone())
            } else {
                ops::refused(&node.op, &Attributes::new(&node.attributes))
                    .map(|what| format!("{} with {what}", node.op))
            };
            if let Some(reason) = reason {
                *unknown.entry(reason.chars().take(128).collect()).or_default() += 1;
            }
        }
    }
    if count > MOST_NODES {
        return Fault::expected(format!("has {count} nodes, {MOST_NODES} at most"));
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = unknown
        .iter()
        .map(|(what, times)| format!("{what} ({times} node{})", if *times == 1 { "" } else { "s" }))
        .collect();
    Fault::expected(format!("needs operators that are not supported: {}", all.join(", ")))
}

struct Compiler {
    opset: i64,
    scope: Scope,
    constants: HashMap<usize, Value>,
}

type Compiled<T> = std::result::Result<T, Fault>;

impl Compiler {
    fn top(mut self, graph: &proto::Graph) -> Compiled<Graph> {
        self.initializers(graph)?;
        let mut inputs = Vec::new();
        let mut input_places = Vec::new();
        for told in &graph.inputs {
            if self.scope.find(&told.name).is_none() {
                inputs.push(Port::new(told)?);
                input_places.push(self.define(&told.name)?);
            }
        }
        let mut nodes = self.nodes(&graph.nodes)?;
        let outputs = graph.outputs.iter().map(Port::new).collect::<Compiled<Vec<_>>>()?;
        if outputs.is_empty() {
            return Fault::expected("has no outputs");
        }
        let output_places = self.outputs(graph)?;
        let places = self.scope.places();
        let needed = free(&mut nodes, &output_places, &self.constants);
        let mut constants = vec![None; places];
        for (place, value) in self.constants {
            // What only nodes that were computed here have read goes.
            if needed.contains(&place) || output_places.contains(&place) {
                constants[place] = Some(value);
            }
        }
        let opset = self.opset;
        Ok(Graph { inputs, outputs, opset, nodes, input_places, output_places, constants })
    }

    fn body(&mut self, graph: &proto::Graph) -> Compiled<Body> {
        self.scope.open();
        self.initializers(graph)?;
        let nodes = self.nodes(&graph.nodes)?;
        let outputs = self.outputs(graph)?;
        self.scope.close();
        Ok(Body { nodes, outputs })
    }

    fn initializers(&mut self, graph: &proto::Graph) -> Compiled<()> {
        for told in &graph.initializers {
            let value = literal::read(told).map_err(|fault| {
                Fault::Expected(format!("initializer {:?}: {fault}", told.name))
            })?;
            let place = self.define(&told.name)?;
            self.constants.insert(place, value);
        }
        Ok(())
    }

    fn outputs(&self, graph: &proto::Graph) -> Compiled<Vec<usize>> {
        let find = |name: &str| {
            let place = self.scope.find(name);
            place.ok_or_else(|| Fault::Expected(format!("gives {name:?}, which no node computes")))
        };
        graph.outputs.iter().map(|told| find(&told.name)).collect()
    }

    fn define(&mut self, name: &str) -> Compiled<usize> {
        let place = self.scope.define(name);
        place.ok_or_else(|| Fault::Expected(format!("gives {name:?} twice")))
    }

    fn nodes(&mut self, told: &[proto::Node]) -> Compiled<Vec<Node>> {
        let mut nodes = Vec::new();
        for each in told {
            let node = self.node(each)?;
            if !self.folded(&node) {
                nodes.push(node);
            }
        }
        Ok(nodes)
    }

    fn node(&mut self, told: &proto::Node) -> Compiled<Node> {
        let first = told.outputs.first().map_or("", |name| name);
        let name = if told.name.is_empty() { first } else { &told.name };
        let label = format!("{:?} ({})", name.chars().take(128).collect::<String>(), told.op);
        let inputs = told
            .inputs
            .iter()
            .map(|name| match (name.is_empty(), self.scope.find(name)) {
                (true, _) => Ok(None),
                (false, Some(place)) => Ok(Some(place)),
                (false, None) => Fault::expected(format!(
                    "node {label} reads {name:?}, which nothing before it gives"
                )),
            })
            .collect::<Compiled<Vec<_>>>()?;
        let work = if told.op == "If" {
            let then = self.branch(told, "then_branch", &label)?;
            let otherwise = self.branch(told, "else_branch", &label)?;
            Work::If { then, otherwise }
        } else {
            let run = ops::find(&told.op)
                .ok_or_else(|| Fault::Expected(format!("node {label} is not supported")))?;
            Work::Op { run, attributes: Attributes::new(&told.attributes) }
        };
        let outputs = told
            .outputs
            .iter()
            .map(|name| if name.is_empty() { Ok(None) } else { self.define(name).map(Some) })
            .collect::<Compiled<Vec<_>>>()?;
        Ok(Node { label, work, inputs, outputs, frees: Vec::new() })
    }

    fn branch(&mut self, told: &proto::Node, name: &str, label: &str) -> Compiled<Body> {
        let graph = told.attributes.iter().find(|each| each.name == name);
        let Some(graph) = graph.and_then(|each| each.graph.as_ref()) else {
            return Fault::expected(format!("node {label} has no {name}"));
        };
        let body = self.body(graph)?;
        if body.outputs.len() < told.outputs.len() {
            return Fault::expected(format!(
                "node {label}: its {name} gives {} outputs, not {}",
                body.outputs.len(),
                told.outputs.len()
            ));
        }
        Ok(body)
    }

    /// Whether a node was computed here, as it depends on no input. One that fails is left for a
    /// call to meet: it may lie in a branch that none takes.
    fn folded(&mut self, node: &Node) -> bool {
        let Work::Op { run, attributes } = &node.work else { return false };
        let inputs: Option<Vec<Option<Value>>> = node
            .inputs
            .iter()
            .map(|place| match place {
                None => Some(None),
                Some(place) => self.constants.get(place).cloned().map(Some),
            })
            .collect();
        let Some(inputs) = inputs else { return false };
        let Ok(values) = compute(*run, attributes, self.opset, &inputs, node.outputs.len()) else {
            return false;
        };
        for (place, value) in node.outputs.iter().zip(values) {
            if let Some(place) = place {
                self.constants.insert(*place, value);
            }
        }
        true
    }
}

/// Tell each node which values go after it.
fn free(
    nodes: &mut [Node],
    outputs: &[usize],
    constants: &HashMap<usize, Value>,
) -> HashSet<usize> {
    let mut last: HashMap<usize, usize> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        let mut used = Vec::new();
        uses(node, &mut used);
        used.extend(node.outputs.iter().flatten());
        for place in used {
            last.insert(place, at);
        }
    }
    for (&place, &at) in &last {
        if !outputs.contains(&place) && !constants.contains_key(&place) {
            nodes[at].frees.push(place);
        }
    }
    last.into_keys().collect()
}

fn uses(node: &Node, used: &mut Vec<usize>) {
    used.extend(node.inputs.iter().flatten());
    if let Work::If { then, otherwise } = &node.work {
        for body in [then, otherwise] {
            used.extend(&body.outputs);
            body.nodes.iter().for_each(|inner| uses(inner, used));
        }
    }
}
