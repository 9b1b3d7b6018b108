//! Chat templates as transformers renders them (golden/chats.json, made by
//! executor_ml/tests/golden/make_chats.py from the templates beside it).

use edgemesh_candle::chat::{Message, Template};
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    now: String,
    conversations: Vec<Conversation>,
    /// By template; null where it refuses the conversation.
    rendered: BTreeMap<String, Vec<Option<String>>>,
    dates: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Conversation {
    messages: Vec<Turn>,
    extras: serde_json::Value,
}

#[derive(Deserialize)]
struct Turn {
    role: String,
    content: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/chats.json")).unwrap()
}

/// The moment at which the golden file was made.
fn then() -> Zoned {
    let now: DateTime = golden().now.parse().unwrap();
    now.to_zoned(TimeZone::UTC).unwrap()
}

fn template(source: &str) -> Template {
    Template::new(source, "<s>".into(), "</s>".into()).unwrap().with_clock(then)
}

#[test]
fn conversations_are_rendered_as_by_transformers() {
    let golden = golden();
    assert!(golden.rendered.len() >= 8);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/templates");
    for (name, expected) in &golden.rendered {
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let template = template(&source);
        assert_eq!(expected.len(), golden.conversations.len());
        for (i, (conversation, expected)) in golden.conversations.iter().zip(expected).enumerate() {
            let message = |t: &Turn| Message { role: t.role.clone(), content: t.content.clone() };
            let messages: Vec<Message> = conversation.messages.iter().map(message).collect();
            let got = template.render(&messages, &conversation.extras).ok();
            assert_eq!(&got, expected, "{name}, conversation {i}");
        }
    }
}

#[test]
fn dates_are_written_as_by_python() {
    let golden = golden();
    for (code, expected) in &golden.dates {
        let template = template(&format!("{{{{ strftime_now('%{code}') }}}}"));
        let got = template.render(&[], &serde_json::json!({})).unwrap();
        assert_eq!(&got, expected, "%{code}");
    }
    let source = "{{ strftime_now('%Y') }}";
    let now = Template::new(source, String::new(), String::new()).unwrap();
    let year: i16 = now.render(&[], &serde_json::json!({})).unwrap().parse().unwrap();
    assert!(year >= 2026);
    let wrong = template("{{ strftime_now('%!') }}").render(&[], &serde_json::json!({}));
    assert!(wrong.unwrap_err().to_string().contains("strftime_now"));
}
