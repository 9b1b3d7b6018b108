//! LSTM and GRU, with the activations that they have unless told otherwise.

use super::super::attributes::Attributes;
use super::super::error::Fault;
use super::super::value::{Value, room};
use super::shape::expect_floats;
use super::{Done, Given};
use candle_core::{Device, Tensor};

/// What of a cell is not supported.
pub fn refused(op: &str, told: &Attributes) -> Option<String> {
    let usual: &[&str] =
        if op == "LSTM" { &["sigmoid", "tanh", "tanh"] } else { &["sigmoid", "tanh"] };
    let asked = told.texts("activations");
    let known = asked.iter().zip(usual.iter().cycle()).all(|(a, b)| a.eq_ignore_ascii_case(b));
    let direction = told.text("direction", "forward");
    if !known {
        Some(format!("activations {}", asked.join(", ")))
    } else if told.has("clip") {
        Some("clip".to_owned())
    } else if told.is("layout") {
        Some("layout 1".to_owned())
    } else if told.is("input_forget") {
        Some("input_forget".to_owned())
    } else if !["forward", "reverse", "bidirectional"].contains(&direction) {
        Some(format!("direction {direction}"))
    } else {
        None
    }
}

/// Weights of one direction, as they are multiplied with.
struct Cell {
    /// [input, gates · hidden]
    input: Tensor,
    /// [hidden, gates · hidden]
    hidden: Tensor,
    bias: Tensor,
    hidden_bias: Tensor,
    peepholes: Option<Tensor>,
    width: usize,
}

struct Run<'a> {
    given: &'a Given<'a>,
    steps: usize,
    batch: usize,
    input: usize,
    width: usize,
    gates: usize,
    lengths: Option<Vec<i64>>,
}

impl<'a> Run<'a> {
    fn new(given: &'a Given<'a>, gates: usize) -> Result<Self, Fault> {
        let (value, recurrence) = (given.get(0)?, given.get(2)?);
        expect_floats(value)?;
        let ([steps, batch, input], [_, rows, width]) = (value.dims(), recurrence.dims()) else {
            return Fault::expected(format!("[steps, batch, input], not {:?}", value.dims()));
        };
        if *rows != gates * width || given.get(1)?.dims() != [recurrence.dims()[0], *rows, *input] {
            return Fault::expected(format!(
                "weights that fit, not {:?} and {:?}",
                given.get(1)?.dims(),
                recurrence.dims()
            ));
        }
        let lengths = given.optional(4).map(Value::integers).transpose()?;
        room(&[*steps, *batch, gates * width])?;
        let (steps, batch, input, width) = (*steps, *batch, *input, *width);
        Ok(Self { given, steps, batch, input, width, gates, lengths })
    }

    fn directions(&self) -> Result<Vec<bool>, Fault> {
        let told = match self.given.attributes.text("direction", "forward") {
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            _ => vec![false],
        };
        if self.given.get(1)?.dims()[0] != told.len() {
            return Fault::expected(format!("weights of {} directions", told.len()));
        }
        Ok(told)
    }

    fn cell(&self, direction: usize) -> Result<Cell, Fault> {
        let of = |index: usize| self.given.get(index).and_then(|v| Ok(v.tensor.get(direction)?));
        let (input, hidden) = (of(1)?.t()?.contiguous()?, of(2)?.t()?.contiguous()?);
        let rows = self.gates * self.width;
        let (bias, hidden_bias) = match self.given.optional(3) {
            Some(bias) => {
                let bias = bias.tensor.get(direction)?;
                (bias.narrow(0, 0, rows)?, bias.narrow(0, rows, rows)?)
            }
            None => {
                let zero = Tensor::zeros(rows, input.dtype(), &Device::Cpu)?;
                (zero.clone(), zero)
            }
        };
        let peepholes = match self.given.optional(7) {
            Some(told) if self.gates == 4 => Some(told.tensor.get(direction)?),
            _ => None,
        };
        Ok(Cell { input, hidden, bias, hidden_bias, peepholes, width: self.width })
    }

    fn start(&self, index: usize, direction: usize) -> Result<Tensor, Fault> {
        match self.given.optional(index) {
            Some(value) => Ok(value.tensor.get(direction)?.contiguous()?),
            None => {
                let dtype = self.given.get(0)?.tensor.dtype();
                Ok(Tensor::zeros((self.batch, self.width), dtype, &Device::Cpu)?)
            }
        }
    }

    /// A new state where a sequence goes on, the old one where it has ended.
    fn kept(&self, new: Tensor, old: &Tensor, at: usize) -> Result<Tensor, Fault> {
        let Some(lengths) = &self.lengths else { return Ok(new) };
        let goes: Vec<u8> = lengths.iter().map(|length| u8::from((at as i64) < *length)).collect();
        let goes = Tensor::from_vec(goes, (self.batch, 1), &Device::Cpu)?;
        Ok(goes.broadcast_as(new.dims())?.contiguous()?.where_cond(&new, old)?)
    }

    /// All directions: the states of all steps, and the last ones.
    fn all(
        &self,
        step: impl Fn(&Cell, &Tensor, &Tensor, &Tensor) -> candle_core::Result<(Tensor, Tensor)>,
    ) -> Done {
        let value = self.given.get(0)?;
        let (mut outputs, mut hiddens, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for (direction, reverse) in self.directions()?.into_iter().enumerate() {
            let cell = self.cell(direction)?;
            let flat = value.tensor.contiguous()?.reshape((self.steps * self.batch, self.input))?;
            let given = flat.matmul(&cell.input)?.broadcast_add(&cell.bias)?;
            let given = given.reshape((self.steps, self.batch, self.gates * self.width))?;
            let (mut hidden, mut state) = (self.start(5, direction)?, self.start(6, direction)?);
            let zero = hidden.zeros_like()?;
            let mut told = vec![zero.clone(); self.steps];
            for number in 0..self.steps {
                let at = if reverse { self.steps - 1 - number } else { number };
                let (next, kept) = step(&cell, &given.get(at)?, &hidden, &state)?;
                told[at] = self.kept(next.clone(), &zero, at)?;
                hidden = self.kept(next, &hidden, at)?;
                state = self.kept(kept, &state, at)?;
            }
            outputs.push(Tensor::stack(&told, 0)?);
            hiddens.push(hidden);
            states.push(state);
        }
        let of = |parts: &[Tensor], axis| Value::new(value.element, Tensor::stack(parts, axis)?);
        Ok(vec![of(&outputs, 1)?, of(&hiddens, 0)?, of(&states, 0)?])
    }
}

fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    x.neg()?.exp()?.affine(1.0, 1.0)?.recip()
}

/// Gates: input, output, forget, cell.
pub fn lstm(given: &Given<'_>) -> Done {
    Run::new(given, 4)?.all(|cell, given, hidden, state| {
        let width = cell.width;
        let sums = (given + hidden.matmul(&cell.hidden)?)?.broadcast_add(&cell.hidden_bias)?;
        let gate = |at: usize| sums.narrow(1, at * width, width);
        let peep = |sum: Tensor, at: usize, state: &Tensor| match &cell.peepholes {
            Some(all) => sum + state.broadcast_mul(&all.narrow(0, at * width, width)?)?,
            None => Ok(sum),
        };
        let input = sigmoid(&peep(gate(0)?, 0, state)?)?;
        let forget = sigmoid(&peep(gate(2)?, 2, state)?)?;
        let next = ((forget * state)? + (input * gate(3)?.tanh()?)?)?;
        let output = sigmoid(&peep(gate(1)?, 1, &next)?)?;
        Ok(((output * next.tanh()?)?, next))
    })
}

/// Gates: update, reset, hidden.
pub fn gru(given: &Given<'_>) -> Done {
    let before = given.attributes.is("linear_before_reset");
    let mut values = Run::new(given, 3)?.all(|cell, given, hidden, _| {
        let width = cell.width;
        let part = |of: &Tensor, at: usize| of.narrow(1, at * width, width);
        let sums = hidden.matmul(&cell.hidden)?.broadcast_add(&cell.hidden_bias)?;
        let update = sigmoid(&(part(given, 0)? + part(&sums, 0)?)?)?;
        let reset = sigmoid(&(part(given, 1)? + part(&sums, 1)?)?)?;
        let from = if before {
            (reset * part(&sums, 2)?)?
        } else {
            let weights = cell.hidden.narrow(1, 2 * width, width)?.contiguous()?;
            let product = (reset * hidden)?.matmul(&weights)?;
            product.broadcast_add(&cell.hidden_bias.narrow(0, 2 * width, width)?)?
        };
        let new = (part(given, 2)? + from)?.tanh()?;
        let next = ((&update * hidden)? + (update.affine(-1.0, 1.0)? * new)?)?;
        Ok((next.clone(), next))
    })?;
    values.truncate(2);
    Ok(values)
}
