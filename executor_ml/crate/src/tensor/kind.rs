//! Element types and shapes, and how they go together.

use candle_core::DType;

pub const MOST_RANK: usize = 8;

const NAMES: [(&str, DType); 7] = [
    ("uint8", DType::U8),
    ("uint32", DType::U32),
    ("int64", DType::I64),
    ("float16", DType::F16),
    ("bfloat16", DType::BF16),
    ("float32", DType::F32),
    ("float64", DType::F64),
];

/// The element type of that name.
pub fn dtype_of(name: &str) -> Option<DType> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, dtype)| *dtype)
}

/// What an element type is called.
pub fn name_of(dtype: DType) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == dtype).map_or("unknown", |(name, _)| name)
}

/// What a node comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    pub dtype: DType,
    pub shape: Vec<usize>,
}

impl Kind {
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// How many elements it has; None if they cannot be counted.
    pub fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n))
    }

    pub fn is_float(&self) -> bool {
        matches!(self.dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    pub fn is_half(&self) -> bool {
        matches!(self.dtype, DType::F16 | DType::BF16)
    }

    /// For messages: `float32 [2, 3]`.
    pub fn shown(&self) -> String {
        format!("{} {:?}", name_of(self.dtype), self.shape)
    }
}

/// The shape that both are stretched to; an Err says why there is none.
pub fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>, String> {
    let rank = left.len().max(right.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |place| shape[place])
    };
    (0..rank)
        .map(|axis| match (at(left, axis), at(right, axis)) {
            (a, b) if a == b => Ok(a),
            (1, b) => Ok(b),
            (a, 1) => Ok(a),
            _ => Err(format!("shapes {left:?} and {right:?} do not broadcast")),
        })
        .collect()
}

/// An axis counted from the front.
pub fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|&place| place < rank)
        .ok_or_else(|| format!("axis {axis} of {rank} dimensions"))
}

/// Axes from the front, each once, sorted; None stands for all.
pub fn axes_of(axes: Option<&[i64]>, rank: usize) -> Result<Vec<usize>, String> {
    let Some(axes) = axes else { return Ok((0..rank).collect()) };
    let mut places = axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<_>, _>>()?;
    places.sort_unstable();
    match places.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(format!("an axis twice in {axes:?}")),
        false => Ok(places),
    }
}
