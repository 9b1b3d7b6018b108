//! YOLOv8 and YOLO11: boxes, masks and keypoints of the things in a picture.
//!
//! Weights are those of the published state dictionaries, as safetensors; every width and depth is
//! read off the tensors' shapes. Batch normalisation is folded into the convolutions as they are
//! read. A picture is one call: who must stop between pictures can.
//!
//! | module | noun |
//! | --- | --- |
//! | `config` | `config.json` |
//! | `weights` | tensors of the files, and convolutions folded |
//! | `blocks`, `network` | the layers, and their order in both families |
//! | `head` | candidates: boxes, scores, and what a task adds |
//! | `letterbox` | a picture as the network wants it, and places back in it |
//! | `suppress` | which candidates are kept |
//! | `masks`, `draw` | what is made of those |

mod blocks;
mod config;
mod detector;
mod draw;
mod head;
mod letterbox;
mod masks;
mod network;
mod suppress;
mod weights;

pub use config::{Config, MOST_SIZE, STRIDE, Task};
pub use detector::{Detector, Found, Options};
pub use draw::draw;
pub use head::Candidates;
pub use letterbox::Letterbox;
pub use masks::{Prototypes, mask};
pub use suppress::suppress;
