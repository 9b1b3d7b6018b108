//! The operators, by name.
//!
//! Rules: an operator is one function and one line of the table; what of an operator is not
//! supported is told from its attributes alone, so that loading can name it. Operators check what
//! they are given: a file may hold anything.

mod arithmetic;
mod choose;
mod compare;
mod convolve;
mod index;
mod make;
mod normalize;
mod pool;
mod product;
mod recurrent;
mod reduce;
mod shape;
mod unary;

use super::attributes::Attributes;
use super::error::Fault;
use super::value::Value;

/// What a node is computed with.
pub struct Given<'a> {
    pub attributes: &'a Attributes,
    pub opset: i64,
    pub inputs: &'a [Option<Value>],
    /// How many outputs are wanted.
    pub outputs: usize,
}

impl Given<'_> {
    pub fn get(&self, index: usize) -> Result<&Value, Fault> {
        self.optional(index)
            .ok_or_else(|| Fault::Expected(format!("input {index}, which is missing")))
    }

    pub fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// All inputs, none left out.
    pub fn all(&self) -> Result<Vec<&Value>, Fault> {
        (0..self.inputs.len().max(1)).map(|index| self.get(index)).collect()
    }

    /// Numbers that newer sets give as an input and older ones as an attribute.
    pub fn numbers(&self, index: usize, name: &str) -> Result<Option<Vec<i64>>, Fault> {
        match self.optional(index) {
            Some(value) => value.integers().map(Some),
            None => Ok(self.attributes.ints(name).map(<[i64]>::to_vec)),
        }
    }
}

pub type Done = Result<Vec<Value>, Fault>;
pub type Run = fn(&Given<'_>) -> Done;

const TABLE: &[(&str, Run)] = &[
    ("Abs", unary::abs),
    ("Acos", |g| unary::float(g, f64::acos)),
    ("Acosh", |g| unary::float(g, f64::acosh)),
    ("Add", arithmetic::add),
    ("And", compare::and),
    ("ArgMax", reduce::arg_max),
    ("ArgMin", reduce::arg_min),
    ("Asin", |g| unary::float(g, f64::asin)),
    ("Asinh", |g| unary::float(g, f64::asinh)),
    ("Atan", |g| unary::float(g, f64::atan)),
    ("Atanh", |g| unary::float(g, f64::atanh)),
    ("AveragePool", pool::average),
    ("BatchNormalization", normalize::batch),
    ("Cast", unary::cast),
    ("CastLike", unary::cast_like),
    ("Ceil", |g| unary::float(g, f64::ceil)),
    ("Celu", unary::celu),
    ("Clip", arithmetic::clip),
    ("Concat", shape::concat),
    ("Constant", make::constant),
    ("ConstantOfShape", make::constant_of_shape),
    ("Conv", convolve::conv),
    ("Cos", |g| unary::float(g, f64::cos)),
    ("Cosh", |g| unary::float(g, f64::cosh)),
    ("CumSum", reduce::cumulative),
    ("DepthToSpace", shape::depth_to_space),
    ("Div", arithmetic::div),
    ("Dropout", shape::dropout),
    ("Elu", unary::elu),
    ("Equal", compare::equal),
    ("Erf", unary::erf),
    ("Exp", unary::exp),
    ("Expand", shape::expand),
    ("EyeLike", make::eye_like),
    ("Flatten", shape::flatten),
    ("Floor", |g| unary::float(g, f64::floor)),
    ("GRU", recurrent::gru),
    ("Gather", index::gather),
    ("GatherElements", index::gather_elements),
    ("GatherND", index::gather_nd),
    ("Gelu", unary::gelu),
    ("Gemm", product::gemm),
    ("GlobalAveragePool", pool::global_average),
    ("GlobalMaxPool", pool::global_max),
    ("Greater", compare::greater),
    ("GreaterOrEqual", compare::greater_or_equal),
    ("GroupNormalization", normalize::group),
    ("HardSigmoid", unary::hard_sigmoid),
    ("HardSwish", unary::hard_swish),
    ("Identity", shape::identity),
    ("InstanceNormalization", normalize::instance),
    ("IsInf", compare::is_inf),
    ("IsNaN", compare::is_nan),
    ("LSTM", recurrent::lstm),
    ("LayerNormalization", normalize::layer),
    ("LeakyRelu", unary::leaky_relu),
    ("Less", compare::less),
    ("LessOrEqual", compare::less_or_equal),
    ("Log", |g| unary::float(g, f64::ln)),
    ("LogSoftmax", normalize::log_softmax),
    ("MatMul", product::matmul),
    ("Max", arithmetic::max),
    ("MaxPool", pool::max),
    ("Mean", arithmetic::mean),
    ("Min", arithmetic::min),
    ("Mish", |g| unary::float(g, |x| x * x.exp().ln_1p().tanh())),
    ("Mod", arithmetic::modulo),
    ("Mul", arithmetic::mul),
    ("Neg", unary::neg),
    ("NonZero", index::non_zero),
    ("Not", compare::not),
    ("OneHot", make::one_hot),
    ("Or", compare::or),
    ("PRelu", arithmetic::prelu),
    ("Pad", shape::pad),
    ("Pow", arithmetic::pow),
    ("Range", make::range),
    ("Reciprocal", |g| unary::float(g, f64::recip)),
    ("ReduceL1", reduce::l1),
    ("ReduceL2", reduce::l2),
    ("ReduceLogSum", reduce::log_sum),
    ("ReduceLogSumExp", reduce::log_sum_exp),
    ("ReduceMax", reduce::max),
    ("ReduceMean", reduce::mean),
    ("ReduceMin", reduce::min),
    ("ReduceProd", reduce::product),
    ("ReduceSum", reduce::sum),
    ("ReduceSumSquare", reduce::sum_square),
    ("Relu", unary::relu),
    ("Reshape", shape::reshape),
    ("Round", |g| unary::float(g, f64::round_ties_even)),
    ("ScatterElements", index::scatter_elements),
    ("ScatterND", index::scatter_nd),
    ("Selu", unary::selu),
    ("Shape", shape::shape),
    ("Sigmoid", unary::sigmoid),
    ("Sign", unary::sign),
    ("Sin", |g| unary::float(g, f64::sin)),
    ("Sinh", |g| unary::float(g, f64::sinh)),
    ("Size", shape::size),
    ("Slice", shape::slice),
    ("Softmax", normalize::softmax),
    ("Softplus", |g| unary::float(g, |x| x.max(0.0) + (-x.abs()).exp().ln_1p())),
    ("Softsign", |g| unary::float(g, |x| x / (1.0 + x.abs()))),
    ("SpaceToDepth", shape::space_to_depth),
    ("Split", shape::split),
    ("Sqrt", unary::sqrt),
    ("Squeeze", shape::squeeze),
    ("Sub", arithmetic::sub),
    ("Sum", arithmetic::sum),
    ("Tan", |g| unary::float(g, f64::tan)),
    ("Tanh", unary::tanh),
    ("ThresholdedRelu", unary::thresholded_relu),
    ("Tile", shape::tile),
    ("TopK", choose::top_k),
    ("Transpose", shape::transpose),
    ("Trilu", choose::trilu),
    ("Unsqueeze", shape::unsqueeze),
    ("Where", choose::pick),
    ("Xor", compare::xor),
];

pub fn find(op: &str) -> Option<Run> {
    TABLE.binary_search_by(|(name, _)| (*name).cmp(op)).ok().map(|at| TABLE[at].1)
}

/// What a node asks of an operator that is not supported, if it does.
pub fn refused(op: &str, attributes: &Attributes) -> Option<String> {
    match op {
        "LSTM" | "GRU" => recurrent::refused(op, attributes),
        "MaxPool" | "AveragePool" | "Conv" => {
            let told = attributes.text("auto_pad", "NOTSET");
            let known = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"];
            (!known.contains(&told)).then(|| format!("auto_pad {told}"))
        }
        "Pad" => {
            let told = attributes.text("mode", "constant");
            let known = ["constant", "reflect", "edge", "wrap"];
            (!known.contains(&told)).then(|| format!("mode {told}"))
        }
        "ScatterND" | "ScatterElements" => {
            let told = attributes.text("reduction", "none");
            let known = ["none", "add", "mul", "max", "min"];
            (!known.contains(&told)).then(|| format!("reduction {told}"))
        }
        "BatchNormalization" => attributes.is("training_mode").then(|| "training_mode".to_owned()),
        "Constant" => make::refused(attributes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_in_order() {
        let names: Vec<_> = super::TABLE.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
