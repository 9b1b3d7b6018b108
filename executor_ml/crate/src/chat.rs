//! Conversations rendered by the model's own template (Jinja, in a sandbox with fuel).

use crate::error::{Error, Result};
use crate::gguf::Gguf;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};

/// Instructions a template may run; a conversation of a thousand messages needs a tenth.
const FUEL: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct Message {
    pub role: String,
    pub content: String,
}

pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl Template {
    /// The template of the file; None where it has none.
    pub fn read(gguf: &Gguf, bos: String, eos: String) -> Result<Option<Self>> {
        let Ok(source) = gguf.string("tokenizer.chat_template") else {
            return Ok(None);
        };
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // As transformers renders them.
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| gguf.error(e))?,
        );
        environment.add_function("raise_exception", |reason: String| {
            Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|e| gguf.error(format!("its chat template: {e}")))?;
        Ok(Some(Self { environment, bos, eos }))
    }

    /// The prompt that asks for the assistant's next message.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let messages = messages.iter().map(|m| {
            Value::from_pairs([("role", m.role.as_str()), ("content", m.content.as_str())])
        });
        let values = context! {
            messages => messages.collect::<Vec<_>>(),
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        self.environment.get_template("chat").and_then(|t| t.render(values)).map_err(|e| {
            Error::Chat { reason: format!("the model's chat template refuses these messages: {e}") }
        })
    }
}
