//! The functions between layers, by the names that configurations have for them.

use super::Fields;
use crate::error::Result;
use crate::numeric::{exp, gelu, gelu_tanh, silu};
use rayon::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    None,
    Gelu,
    GeluTanh,
    QuickGelu,
    Relu,
    Relu6,
    Silu,
    Tanh,
}

/// Values that one thread takes at a time.
const PART: usize = 1 << 14;

impl Activation {
    pub fn told(fields: &Fields, key: &str, default: &str) -> Result<Self> {
        Ok(match fields.text(key, default)?.as_str() {
            "gelu" => Self::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Self::GeluTanh,
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            "relu6" => Self::Relu6,
            "silu" | "swish" => Self::Silu,
            "tanh" => Self::Tanh,
            other => {
                let there_are = "gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, relu6, \
                                 silu, swish and tanh";
                return Err(
                    fields.error(format!("{key} {other:?} is not supported; {there_are} are"))
                );
            }
        })
    }

    pub fn apply(self, values: &mut [f32], threads: usize) {
        let each = |values: &mut [f32]| match self {
            Self::None => {}
            Self::Gelu => values.iter_mut().for_each(|x| *x = gelu(*x)),
            Self::GeluTanh => values.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
            Self::QuickGelu => values.iter_mut().for_each(|x| *x /= 1.0 + exp(-1.702 * *x)),
            // A comparison would make zero of what is no number.
            Self::Relu => values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
            Self::Relu6 => values.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0)),
            Self::Silu => values.iter_mut().for_each(|x| *x = silu(*x)),
            Self::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
        };
        match threads {
            0 | 1 => each(values),
            _ => values.par_chunks_mut(PART).for_each(each),
        }
    }
}
