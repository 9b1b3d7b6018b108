//! Models that read pictures: what is on them, and which texts fit them.
//!
//! All run on this crate's products and keep weights in f32, with their own text for each family:
//! the stock ones compute a convolution of each channel group by group, and functions of single
//! values on one thread. Nothing here knows files of pictures; `picture` does.

mod activation;
mod backbone;
mod blip;
mod classifier;
pub(crate) mod conv;
mod convnext;
mod efficientnet;
mod encoder;
pub(crate) mod larger;
pub(crate) mod map;
mod mobilenet;
mod pair;
pub(crate) mod parallel;
mod probe_head;
mod resnet;
mod sam;
mod texts;
mod tower;
mod vit;
pub(crate) mod weights;

pub use activation::Activation;
pub use blip::{Blip, Request as TextRequest, Said};
pub use classifier::Classifier;
pub use pair::Pair;
pub use sam::{Embedded, Masks, Prompt, Sam};

use crate::fields::Fields;
