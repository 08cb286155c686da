//! JSON without repeated members: two parsers may take different ones of two equal names (RFC 8259 §4), so neither is taken.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Longest path that is told, in bytes.
const MAX_PATH: usize = 200;

/// How many repetitions are looked at. A body has thousands of them at no cost to its sender.
const MAX_NOTES: usize = 200;

/// A value and the paths of the members that its text repeats, at any depth: `a`, `a.b`, `a[1].b`.
///
/// # Errors
/// When the bytes are no JSON.
pub fn parse(bytes: &[u8], max_repeated: usize) -> serde_json::Result<(Value, Vec<String>)> {
    let repeated = Repeated {
        paths: RefCell::default(),
        max: max_repeated,
        notes: Cell::new(0),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Seed {
        repeated: &repeated,
        path: &Path::Root,
    };
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, repeated.paths.into_inner()))
}

struct Repeated {
    paths: RefCell<Vec<String>>,
    max: usize,
    /// Repetitions that were looked at.
    notes: Cell<usize>,
}

/// Where a value stands. It becomes text only where something is wrong: long names and long lists cost nothing more.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The path, cut at [`MAX_PATH`].
    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Root => (),
            Self::Member(parent, name) => {
                parent.write(text);
                if !matches!(parent, Self::Root) {
                    add(text, ".");
                }
                add(text, name);
            }
            Self::Item(parent, index) => {
                parent.write(text);
                add(text, &format!("[{index}]"));
            }
        }
    }
}

/// Adds as much as there is room for.
fn add(text: &mut String, more: &str) {
    let room = MAX_PATH - text.len();
    let end = more.floor_char_boundary(room.min(more.len()));
    text.push_str(&more[..end]);
}

/// Makes a value of what stands at `path`.
#[derive(Clone, Copy)]
struct Seed<'a> {
    repeated: &'a Repeated,
    path: &'a Path<'a>,
}

impl Seed<'_> {
    fn note(self, name: &str) {
        let notes = &self.repeated.notes;
        let mut paths = self.repeated.paths.borrow_mut();
        if paths.len() >= self.repeated.max || notes.get() >= MAX_NOTES {
            return;
        }
        notes.set(notes.get() + 1);
        let path = Path::Member(self.path, name).text();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Seed {
            path: &Path::Item(self.path, values.len()),
            ..self
        })? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                self.note(&name);
            }
            let value = members.next_value_seed(Seed {
                path: &Path::Member(self.path, &name),
                ..self
            })?;
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repeated_members_are_found_at_any_depth() {
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": 2}}"#, &[][..]),
            (r#"{"a": 1, "a": 1, "a": 2}"#, &["a"]),
            (r#"{"a": 1, "\u0061": 1}"#, &["a"]),
            (r#"{"a": {"b": 1, "b": 2}}"#, &["a.b"]),
            (r#"[{"x": 0}, {"a": [{"b": 1, "b": 2}]}]"#, &["[1].a[0].b"]),
            (r#"{"": 1, "": 2}"#, &[""]),
        ] {
            let (_, repeated) = parse(text.as_bytes(), 10).expect("JSON");
            assert_eq!(repeated, expected, "{text}");
        }
        let (_, repeated) = parse(br#"{"a":1,"a":1,"b":1,"b":1}"#, 1).expect("JSON");
        assert_eq!(repeated, ["a"], "no more than asked for");
    }

    /// However deep it is and however long the names around it are: a body may have thousands.
    #[test]
    fn a_repetition_costs_little() {
        let name = "é".repeat(400);
        let outer = Path::Member(&Path::Root, &name);
        let inner = Path::Member(&outer, &name);
        assert_eq!(inner.text().len(), MAX_PATH);

        let repeated = Repeated {
            paths: RefCell::default(),
            max: 10,
            notes: Cell::new(0),
        };
        let seed = Seed {
            repeated: &repeated,
            path: &Path::Root,
        };
        for _ in 0..10 * MAX_NOTES {
            seed.note("a");
        }
        assert_eq!(repeated.notes.get(), MAX_NOTES);
        assert_eq!(repeated.paths.into_inner(), ["a"]);
    }

    proptest! {
        #[test]
        fn any_other_text_is_read_as_serde_json_reads_it(text in r#"[\[\]{}",:0-9a-c\\ eE+.\-tnulrf]{0,40}"#) {
            let ours = parse(text.as_bytes(), 10).ok();
            let theirs: Option<Value> = serde_json::from_str(&text).ok();
            prop_assert_eq!(ours.map(|(value, _)| value), theirs);
        }
    }
}
