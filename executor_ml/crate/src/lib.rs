//! Candle models for edgemesh, on CPU.
//!
//! The core is plain Rust and knows nothing of Python; `python/` holds the bindings alone.
//! Weights are memory-mapped and never written, so models are shared (`Arc`) and every request
//! owns its state: a job, a cache, a sampler. Work advances in steps of tens of milliseconds,
//! between which the caller looks at its deadline and at cancellation.
//!
//! | module | noun |
//! | --- | --- |
//! | `error` | what can go wrong, in one enum |
//! | `cpu` | what this build needs and which kernels run |
//! | `matmul`, `numeric`, `linear`, `quant` | arithmetic on slices |
//! | `tensor_bytes`, `safetensors`, `shards`, `gguf` | mapped weight files |
//! | `tokenizer`, `detokenize`, `stop`, `chat` | text to tokens and back |
//! | `encoder`, `embed`, `rerank` | sentence embeddings, and scores of pairs |
//! | `batch` | sequences of different calls, encoded together |
//! | `abort` | the end of a process in which a computing thread panicked |
//! | `tensor` | graphs of tensor operations |
//! | `decoder`, `sampler`, `generate` | text generation |
//! | `audio`, `whisper` | sound, and speech to text |
//! | `onnx` | models in ONNX |
//! | `speech` | where in a sound somebody speaks |
//! | `fields` | JSON of a model's folder |
//! | `picture`, `vision` | pictures, and the models that read them |
//! | `yolo` | things in pictures: boxes, masks, keypoints |

mod abort;
pub mod audio;
pub mod batch;
pub mod chat;
pub mod cpu;
pub mod decoder;
pub mod detokenize;
pub mod embed;
pub mod encoder;
pub mod error;
pub mod fields;
pub mod generate;
pub mod gguf;
pub mod linear;
pub mod matmul;
pub mod numeric;
pub mod onnx;
pub mod picture;
#[cfg(feature = "python")]
mod python;
pub mod quant;
pub mod rerank;
pub mod safetensors;
pub mod sampler;
pub mod shards;
pub mod speech;
pub mod stop;
pub mod tensor;
pub mod tensor_bytes;
pub mod tokenizer;
pub mod vision;
pub mod whisper;
pub mod yolo;
