//! What a graph takes and gives: names, types of elements, dimensions.
//!
//! Rules: what a call gives is checked whole before anything is computed; a dimension with a name
//! is the same in all inputs.

use super::element::Element;
use super::error::{Fault, OnnxError};
use super::proto;
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    Fixed(usize),
    Named(String),
    Any,
}

#[derive(Debug, Clone)]
pub struct Port {
    pub name: String,
    pub element: Element,
    /// None: any number of dimensions.
    pub shape: Option<Vec<Dim>>,
}

impl Port {
    pub fn new(told: &proto::Named) -> Result<Self, Fault> {
        let Some(kind) = told.kind.as_ref().and_then(|kind| kind.tensor.as_ref()) else {
            return Fault::expected(format!("{:?} is no tensor", told.name));
        };
        let element = Element::of_code(kind.element.into())
            .map_err(|fault| Fault::Expected(format!("{:?}: {fault}", told.name)))?;
        let shape = kind.shape.as_ref().map(|shape| shape.dims.iter().map(dim).collect());
        Ok(Self { name: told.name.clone(), element, shape })
    }

    /// Its dimensions for a person.
    pub fn told(&self) -> String {
        let Some(shape) = &self.shape else { return "of any shape".to_owned() };
        let dims: Vec<String> = shape
            .iter()
            .map(|dim| match dim {
                Dim::Fixed(n) => n.to_string(),
                Dim::Named(name) => name.clone(),
                Dim::Any => "?".to_owned(),
            })
            .collect();
        format!("[{}]", dims.join(", "))
    }
}

fn dim(told: &proto::Dim) -> Dim {
    match (told.value, &told.name) {
        // Exporters write 0 or less for what they do not know.
        (Some(n), _) if n > 0 => usize::try_from(n).map_or(Dim::Any, Dim::Fixed),
        (None, Some(name)) if !name.is_empty() => Dim::Named(name.clone()),
        _ => Dim::Any,
    }
}

/// Whether a call may give these: name, type and shape of each.
pub fn check(ports: &[Port], given: &[(&str, Element, &[usize])]) -> Result<(), OnnxError> {
    let input = |name: &str, part: &str, reason: String| {
        let field = format!("inputs.{}{part}", name.chars().take(128).collect::<String>());
        Err(OnnxError::Input { field, reason })
    };
    for (name, ..) in given {
        if !ports.iter().any(|port| port.name == *name) {
            let known: Vec<&str> = ports.iter().map(|port| &port.name[..]).collect();
            return input(name, "", format!("no such input; inputs: {}", known.join(", ")));
        }
    }
    let mut named: HashMap<&str, (usize, &str)> = HashMap::new();
    for port in ports {
        let Some((_, element, shape)) = given.iter().find(|(name, ..)| *name == port.name) else {
            return input(
                &port.name,
                "",
                format!("required: {} {}", port.element.name(), port.told()),
            );
        };
        if *element != port.element {
            return input(
                &port.name,
                ".dtype",
                format!("{}, not {}", port.element.name(), element.name()),
            );
        }
        let Some(dims) = &port.shape else { continue };
        if dims.len() != shape.len() {
            return input(&port.name, ".shape", format!("{}, not {shape:?}", port.told()));
        }
        for (dim, n) in dims.iter().zip(*shape) {
            match dim {
                Dim::Fixed(expected) if expected != n => {
                    return input(&port.name, ".shape", format!("{}, not {shape:?}", port.told()));
                }
                Dim::Named(name) => {
                    let (before, of) = *named.entry(name).or_insert((*n, &port.name));
                    if before != *n {
                        let told =
                            format!("{}, not {shape:?}: {name} is {before} in {of}", port.told());
                        return input(&port.name, ".shape", told);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}
