//! Conversations rendered by the model's own template (Jinja, in a sandbox with fuel).
//!
//! A template is untrusted: it reaches no file, no function but those here, and runs out of fuel.

use crate::error::{Error, Result};
use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value, context};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// Instructions a template may run; a conversation of a thousand messages needs a tenth.
const FUEL: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct Message {
    pub role: String,
    pub content: String,
}

/// Tells the time to templates that ask for it, in this machine's zone.
pub type Clock = fn() -> Zoned;

pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl Template {
    /// Compiles a template; fails with what is wrong with it.
    pub fn new(source: &str, bos: String, eos: String) -> std::result::Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // As transformers renders them.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| e.to_string())?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |reason: String| {
            Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        });
        add_clock(&mut environment, Zoned::now);
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|e| format!("its chat template: {e}"))?;
        Ok(Self { environment, bos, eos })
    }

    /// With another clock.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        add_clock(&mut self.environment, clock);
        self
    }

    /// The prompt that asks for the assistant's next message; the template sees `extras` too.
    pub fn render(&self, messages: &[Message], extras: &serde_json::Value) -> Result<String> {
        let messages = messages.iter().map(|m| {
            Value::from_pairs([("role", m.role.as_str()), ("content", m.content.as_str())])
        });
        let values = context! {
            messages => messages.collect::<Vec<_>>(),
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            ..Value::from(Serde(extras))
        };
        self.environment.get_template("chat").and_then(|t| t.render(values)).map_err(|e| {
            Error::Chat { reason: format!("the model's chat template refuses these messages: {e}") }
        })
    }
}

fn add_clock(environment: &mut Environment<'static>, clock: Clock) {
    environment.add_function("strftime_now", move |format: &str| {
        jiff::fmt::strtime::format(format, &clock()).map_err(|e| {
            let reason = format!("strftime_now({format:?}): {e}");
            minijinja::Error::new(ErrorKind::InvalidOperation, reason)
        })
    });
}

/// Python's json.dumps, as transformers' templates have it: nothing is escaped for HTML.
fn to_json(value: &Value, options: Kwargs) -> std::result::Result<Value, minijinja::Error> {
    let wrong =
        |e: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string());
    let mut out = Vec::new();
    let written = match options.get::<Option<usize>>("indent")? {
        Some(width) => {
            let indent = vec![b' '; width.min(16)];
            let formatter = PrettyFormatter::with_indent(&indent);
            value.serialize(&mut Serializer::with_formatter(&mut out, formatter))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut out, Spaced)),
    };
    written.map_err(wrong)?;
    Ok(Value::from_safe_string(String::from_utf8_lossy(&out).into_owned()))
}

/// ", " between values and ": " behind keys.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}
