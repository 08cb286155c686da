//! The order in which the document is printed: members by name, so that a change of the API is a small change of the file,
//! and properties as they are declared. Generators make the order of arguments of that.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Of the errors, which no type declares.
const OF_ERRORS: [&str; 11] = [
    "error",
    "error_description",
    "field",
    "type",
    "title",
    "status",
    "code",
    "detail",
    "request_id",
    "errors",
    "message",
];

/// The properties of each schema in their order.
pub struct Order(BTreeMap<String, Vec<String>>);

impl Order {
    /// As `declared`, the text of a specification, has them; `document` is the one to be printed.
    pub fn new(declared: &str, document: &Value) -> Self {
        let declared: Specification = serde_json::from_str(declared).unwrap_or_default();
        let mut order: BTreeMap<String, Vec<String>> = declared
            .components
            .schemas
            .into_iter()
            .map(|(name, schema)| (name, schema.properties.0))
            .collect();
        let schemas = document["components"]["schemas"].as_object();
        for (name, schema) in schemas.into_iter().flatten() {
            let Some(properties) = schema["properties"].as_object() else {
                continue;
            };
            let names = order.entry(name.clone()).or_default();
            if names.is_empty() {
                names.extend(OF_ERRORS.map(str::to_owned));
            }
            names.retain(|name| properties.contains_key(name));
        }
        Self(order)
    }

    /// The document in this order, in pretty JSON.
    pub fn print(&self, document: &Value) -> String {
        let ordered = Ordered {
            value: document,
            order: self,
            place: Place::Elsewhere,
        };
        serde_json::to_string_pretty(&ordered).unwrap_or_default()
    }

    /// That of an object of an example: of the smallest schema that has all its members.
    fn of_example(&self, example: &serde_json::Map<String, Value>) -> &[String] {
        let fits = |names: &&Vec<String>| example.keys().all(|name| names.contains(name));
        let fitting = self.0.values().filter(fits);
        fitting.min_by_key(|names| names.len()).map_or(&[], |it| it)
    }
}

#[derive(Default, Deserialize)]
struct Specification {
    components: Components,
}

#[derive(Default, Deserialize)]
struct Components {
    schemas: BTreeMap<String, Schema>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    properties: Names,
}

#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// What a value of the document is.
#[derive(Clone, Copy)]
enum Place<'a> {
    Schemas,
    Schema(&'a str),
    Properties(&'a str),
    Example,
    Elsewhere,
}

impl<'a> Place<'a> {
    fn of_member(self, name: &'a str, value: &Value) -> Self {
        match (self, name) {
            (Place::Example, _) => Place::Example,
            (Place::Properties(_), _) => Place::Elsewhere,
            (Place::Schemas, name) => Place::Schema(name),
            (Place::Schema(schema), "properties") => Place::Properties(schema),
            (Place::Schema(_) | Place::Elsewhere, "example" | "value") => Place::Example,
            (Place::Schema(_) | Place::Elsewhere, "examples") if value.is_array() => Place::Example,
            (Place::Elsewhere, "schemas") => Place::Schemas,
            (Place::Schema(_) | Place::Elsewhere, _) => Place::Elsewhere,
        }
    }
}

struct Ordered<'a> {
    value: &'a Value,
    order: &'a Order,
    place: Place<'a>,
}

impl<'a> Ordered<'a> {
    fn at(&self, value: &'a Value, place: Place<'a>) -> Self {
        Self {
            value,
            order: self.order,
            place,
        }
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(members) => {
                let order = match self.place {
                    Place::Properties(schema) => self.order.0.get(schema).map_or(&[][..], |it| it),
                    Place::Example => self.order.of_example(members),
                    _ => &[],
                };
                let rank = |name: &String| order.iter().position(|other| other == name);
                let mut sorted: Vec<_> = members.iter().collect();
                // Stable: what has no rank stays sorted by name, at the end.
                sorted.sort_by_key(|(name, _)| rank(name).unwrap_or(usize::MAX));
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in sorted {
                    let place = self.place.of_member(name, value);
                    map.serialize_entry(name, &self.at(value, place))?;
                }
                map.end()
            }
            Value::Array(items) => {
                serializer.collect_seq(items.iter().map(|item| self.at(item, self.place)))
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_stand_as_declared_and_everything_else_by_name() {
        let declared = r#"{"components": {"schemas": {"Pair": {"properties": {"b": {"z": 1, "y": 2}, "a": {}}}}}}"#;
        let document = json!({
            "paths": { "/b": {}, "/a": { "example": { "a": 1, "b": 2 } } },
            "components": { "schemas": {
                "Pair": { "type": "object", "properties": { "a": {}, "b": { "z": 1, "y": 2 } }, "example": { "a": 1, "b": 2 } },
                "Problem": { "properties": { "code": {}, "type": {}, "status": {} } },
            } },
        });
        let printed = Order::new(declared, &document).print(&document);
        let printed: String = printed.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(
            printed,
            r#"{"components":{"schemas":{"Pair":{"example":{"b":2,"a":1},"properties":{"b":{"y":2,"z":1},"a":{}},"type":"object"},"#
                .to_owned()
                + r#""Problem":{"properties":{"type":{},"status":{},"code":{}}}}},"paths":{"/a":{"example":{"b":2,"a":1}},"/b":{}}}"#
        );
    }
}
