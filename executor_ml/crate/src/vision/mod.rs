//! Models that read pictures: what is on them, and which texts fit them.
//!
//! All run on this crate's products and keep weights in f32, with their own text for each family:
//! the stock ones compute a convolution of each channel group by group, and functions of single
//! values on one thread. Nothing here knows files of pictures; `picture` does.

mod activation;
mod backbone;
mod classifier;
mod conv;
mod convnext;
mod efficientnet;
mod encoder;
mod mobilenet;
mod pair;
mod parallel;
mod probe_head;
mod resnet;
mod texts;
mod tower;
mod vit;
mod weights;

pub use activation::Activation;
pub use classifier::Classifier;
pub use pair::Pair;

use crate::fields::Fields;
