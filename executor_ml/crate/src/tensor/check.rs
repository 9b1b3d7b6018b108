//! What each node of a graph comes to, and whether it can: before anything is computed.

use super::error::{Result, TensorError};
use super::graph::{Graph, Node};
use super::kind::{Kind, MOST_RANK, axes_of, axis_of, broadcast, dtype_of};
use candle_core::DType;
use std::collections::BTreeMap;

pub const MOST_OPS: usize = 4096;

const UNARY: [&str; 18] = [
    "abs", "ceil", "cos", "erf", "exp", "floor", "gelu", "log", "neg", "recip", "relu", "round",
    "sigmoid", "sign", "silu", "sin", "sqrt", "tanh",
];
const BINARY: [&str; 7] = ["add", "sub", "mul", "div", "pow", "maximum", "minimum"];
const COMPARE: [&str; 6] = ["eq", "ne", "lt", "le", "gt", "ge"];
const REDUCE: [&str; 4] = ["sum", "mean", "max", "min"];

/// A graph that can be evaluated.
pub struct Checked {
    pub graph: Graph,
    pub kinds: Vec<Kind>,
    /// For each node the last one that refers to it; a wanted one is kept to the end.
    pub last_use: Vec<usize>,
}

impl Checked {
    /// Check a graph for `inputs`. `most_bytes`: of all that is there at the same time.
    pub fn new(graph: Graph, inputs: &BTreeMap<String, Kind>, most_bytes: usize) -> Result<Self> {
        if graph.nodes.len() > MOST_OPS {
            let size = graph.nodes.len();
            return Err(TensorError::TooLarge { what: "nodes", size, limit: MOST_OPS });
        }
        let mut kinds: Vec<Kind> = Vec::with_capacity(graph.nodes.len());
        for (index, node) in graph.nodes.iter().enumerate() {
            let wrong = |reason: String| TensorError::Node { index, op: shown(&node.op), reason };
            for (place, &arg) in node.args.iter().enumerate() {
                if arg >= index {
                    let reason = format!(
                        "args[{place}] is node {arg}, and not an earlier one: a graph has no cycle"
                    );
                    return Err(wrong(reason));
                }
            }
            let args: Vec<&Kind> = node.args.iter().map(|&arg| &kinds[arg]).collect();
            let kind = kind_of(node, &args, inputs).map_err(wrong)?;
            if kind.shape.len() > MOST_RANK {
                return Err(wrong(format!("more than {MOST_RANK} dimensions")));
            }
            match kind.elements().and_then(|n| n.checked_mul(kind.dtype.size_in_bytes())) {
                Some(bytes) if bytes <= most_bytes => {}
                _ => {
                    return Err(wrong(format!(
                        "{} has more than {most_bytes} bytes",
                        kind.shown()
                    )));
                }
            }
            kinds.push(kind);
        }
        let last_use = last_use(&graph)?;
        let size = peak(&graph, &kinds, &last_use);
        if size > most_bytes {
            return Err(TensorError::TooLarge { what: "bytes at a time", size, limit: most_bytes });
        }
        Ok(Self { graph, kinds, last_use })
    }
}

fn shown(op: &str) -> String {
    op.chars().take(40).collect()
}

fn last_use(graph: &Graph) -> Result<Vec<usize>> {
    let mut last: Vec<usize> = (0..graph.nodes.len()).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        for &arg in &node.args {
            last[arg] = index;
        }
    }
    for (name, &node) in &graph.outputs {
        let reason = || format!("node {node} of {}", graph.nodes.len());
        let place = last.get_mut(node);
        let wrong = || TensorError::Output { name: shown(name), reason: reason() };
        *place.ok_or_else(wrong)? = usize::MAX;
    }
    Ok(last)
}

fn peak(graph: &Graph, kinds: &[Kind], last_use: &[usize]) -> usize {
    let bytes = |node: usize| {
        kinds[node].elements().unwrap_or(0).saturating_mul(kinds[node].dtype.size_in_bytes())
    };
    let mut now = 0_usize;
    let mut most = 0_usize;
    for (index, node) in graph.nodes.iter().enumerate() {
        now = now.saturating_add(bytes(index));
        most = most.max(now);
        let mut args = node.args.clone();
        args.sort_unstable();
        args.dedup();
        let gone = args.into_iter().filter(|&arg| last_use[arg] == index).map(bytes);
        now -= gone.sum::<usize>().min(now);
    }
    most
}

fn kind_of(
    node: &Node,
    args: &[&Kind],
    inputs: &BTreeMap<String, Kind>,
) -> std::result::Result<Kind, String> {
    let op = node.op.as_str();
    match op {
        "input" => {
            takes(args, 0)?;
            let name = node.name.as_deref().ok_or("name: which input")?;
            inputs.get(name).cloned().ok_or_else(|| format!("there is no input {name:?}"))
        }
        "full" => {
            takes(args, 0)?;
            node.value.ok_or("value: a number")?;
            Ok(Kind::new(wanted_dtype(node)?, node.shape.clone().unwrap_or_default()))
        }
        "cast" => {
            takes(args, 1)?;
            Ok(Kind::new(wanted_dtype(node)?, args[0].shape.clone()))
        }
        _ if UNARY.contains(&op) => {
            takes(args, 1)?;
            float(args[0])?;
            Ok(args[0].clone())
        }
        _ if BINARY.contains(&op) => {
            let shape = pair(args)?;
            if matches!(op, "div" | "pow") {
                float(args[0])?;
            }
            Ok(Kind::new(args[0].dtype, shape))
        }
        _ if COMPARE.contains(&op) => Ok(Kind::new(DType::U8, pair(args)?)),
        "where" => {
            takes(args, 3)?;
            if args[0].dtype != DType::U8 {
                return Err(format!("a condition of uint8, not {}", args[0].shown()));
            }
            let shape = pair(&args[1..])?;
            Ok(Kind::new(args[1].dtype, broadcast(&args[0].shape, &shape)?))
        }
        "matmul" => matmul(args),
        _ if REDUCE.contains(&op) => reduced(node, args),
        "argmax" | "argmin" => {
            takes(args, 1)?;
            let axis = the_axis(node, args[0])?;
            if args[0].shape[axis] == 0 {
                return Err("of no elements".to_owned());
            }
            let mut shape = args[0].shape.clone();
            shape.remove(axis);
            Ok(Kind::new(DType::I64, shape))
        }
        "softmax" | "log_softmax" => {
            takes(args, 1)?;
            float(args[0])?;
            the_axis(node, args[0])?;
            Ok(args[0].clone())
        }
        "reshape" => {
            takes(args, 1)?;
            let kind = Kind::new(args[0].dtype, the_shape(node)?);
            match kind.elements() == args[0].elements() {
                true => Ok(kind),
                false => Err(format!("{:?} cannot become {:?}", args[0].shape, kind.shape)),
            }
        }
        "broadcast_to" => {
            takes(args, 1)?;
            let shape = the_shape(node)?;
            match broadcast(&args[0].shape, &shape)? == shape {
                true => Ok(Kind::new(args[0].dtype, shape)),
                false => Err(format!("{:?} cannot be stretched to {shape:?}", args[0].shape)),
            }
        }
        "transpose" => {
            takes(args, 1)?;
            let order = permutation(node, args[0])?;
            let shape: Vec<usize> = order.iter().map(|&axis| args[0].shape[axis]).collect();
            Ok(Kind::new(args[0].dtype, shape))
        }
        "slice" => sliced(node, args),
        "take" => {
            takes(args, 2)?;
            let axis = the_axis(node, args[0])?;
            if !matches!(args[1].dtype, DType::I64 | DType::U32) || args[1].shape.len() != 1 {
                return Err(format!(
                    "a row of int64 or uint32 to take by, not {}",
                    args[1].shown()
                ));
            }
            let mut shape = args[0].shape.clone();
            shape[axis] = args[1].shape[0];
            Ok(Kind::new(args[0].dtype, shape))
        }
        "concat" => concatenated(node, args),
        _ => Err("no such operation".to_owned()),
    }
}

fn takes(args: &[&Kind], count: usize) -> std::result::Result<(), String> {
    match args.len() == count {
        true => Ok(()),
        false => Err(format!("{count} args, not {}", args.len())),
    }
}

fn float(kind: &Kind) -> std::result::Result<(), String> {
    match kind.is_float() {
        true => Ok(()),
        false => Err(format!("of floats, not {}", kind.shown())),
    }
}

fn wanted_dtype(node: &Node) -> std::result::Result<DType, String> {
    let name = node.dtype.as_deref().ok_or("dtype: required")?;
    dtype_of(name).ok_or_else(|| format!("dtype {:?} is not known", shown(name)))
}

fn the_shape(node: &Node) -> std::result::Result<Vec<usize>, String> {
    node.shape.clone().ok_or_else(|| "shape: required".to_owned())
}

fn the_axis(node: &Node, kind: &Kind) -> std::result::Result<usize, String> {
    axis_of(node.axis.ok_or("axis: required")?, kind.shape.len())
}

pub fn permutation(node: &Node, kind: &Kind) -> std::result::Result<Vec<usize>, String> {
    let rank = kind.shape.len();
    let axes = node.axes.as_deref().ok_or("axes: required")?;
    let order =
        axes.iter().map(|&a| axis_of(a, rank)).collect::<std::result::Result<Vec<_>, _>>()?;
    match axes_of(Some(axes), rank)?.len() == rank {
        true => Ok(order),
        false => Err(format!("axes {axes:?} are not all {rank}")),
    }
}

fn pair(args: &[&Kind]) -> std::result::Result<Vec<usize>, String> {
    takes(args, 2)?;
    if args[0].dtype != args[1].dtype {
        return Err(format!("{} and {}: cast one", args[0].shown(), args[1].shown()));
    }
    broadcast(&args[0].shape, &args[1].shape)
}

fn matmul(args: &[&Kind]) -> std::result::Result<Kind, String> {
    takes(args, 2)?;
    float(args[0])?;
    let (left, right) = (args[0], args[1]);
    let wrong = || format!("{} and {}", left.shown(), right.shown());
    let ([batch @ .., rows, inner], [others @ .., inner2, columns]) =
        (left.shape.as_slice(), right.shape.as_slice())
    else {
        return Err(format!("two dimensions or more, not {}", wrong()));
    };
    if left.dtype != right.dtype || inner != inner2 {
        return Err(wrong());
    }
    let mut shape = broadcast(batch, others)?;
    shape.extend([*rows, *columns]);
    Ok(Kind::new(left.dtype, shape))
}

fn reduced(node: &Node, args: &[&Kind]) -> std::result::Result<Kind, String> {
    takes(args, 1)?;
    let axes = axes_of(node.axes.as_deref(), args[0].shape.len())?;
    match node.op.as_str() {
        "mean" => float(args[0])?,
        "sum" if args[0].dtype == DType::U8 => {
            return Err(format!("cast {} first: it would overflow", args[0].shown()));
        }
        _ => {}
    }
    if node.op != "sum" && axes.iter().any(|&axis| args[0].shape[axis] == 0) {
        return Err(format!("{} has no elements there", args[0].shown()));
    }
    let shape = args[0].shape.iter().enumerate();
    let shape = shape.filter_map(|(axis, &n)| match axes.contains(&axis) {
        true => node.keepdims.then_some(1),
        false => Some(n),
    });
    Ok(Kind::new(args[0].dtype, shape.collect::<Vec<_>>()))
}

fn sliced(node: &Node, args: &[&Kind]) -> std::result::Result<Kind, String> {
    takes(args, 1)?;
    let axis = the_axis(node, args[0])?;
    let (start, step) = (node.start.unwrap_or(0), node.step.unwrap_or(1));
    let length = node.length.ok_or("length: required")?;
    let size = args[0].shape[axis];
    let last = i64::try_from(length.saturating_sub(1))
        .ok()
        .and_then(|n| n.checked_mul(step))
        .and_then(|n| n.checked_add(i64::try_from(start).ok()?));
    let inside =
        |place: Option<i64>| place.and_then(|n| usize::try_from(n).ok()).is_some_and(|n| n < size);
    if step == 0 || (length > 0 && !(start < size && inside(last))) {
        return Err(format!(
            "{length} elements from {start} in steps of {step} are not among {size}"
        ));
    }
    let mut shape = args[0].shape.clone();
    shape[axis] = length;
    Ok(Kind::new(args[0].dtype, shape))
}

fn concatenated(node: &Node, args: &[&Kind]) -> std::result::Result<Kind, String> {
    let (first, rest) = args.split_first().ok_or("at least one arg")?;
    let axis = the_axis(node, first)?;
    let mut shape = first.shape.clone();
    for other in rest {
        let mut like = other.shape.clone();
        if like.len() == shape.len() {
            like[axis] = first.shape[axis];
        }
        if other.dtype != first.dtype || like != first.shape {
            return Err(format!("{} and {}", first.shown(), other.shown()));
        }
        shape[axis] = shape[axis].checked_add(other.shape[axis]).ok_or("too long")?;
    }
    Ok(Kind::new(first.dtype, shape))
}
