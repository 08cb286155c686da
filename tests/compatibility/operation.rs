//! Compares two operations: names, parameters, the request's body. Answers are left to `response.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::change::Place;
use crate::document::{Operation, path_names};
use crate::facet::Direction;
use crate::kind::Kind;
use crate::schema::Comparison;
use crate::security;
use crate::shape::{Document, Shape};

const OPERATION: &[&str] = &[
    "deprecated",
    "description",
    "externalDocs",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "servers",
    "summary",
    "tags",
];

const PARAMETER: &[&str] = &[
    "content",
    "deprecated",
    "description",
    "example",
    "examples",
    "explode",
    "in",
    "name",
    "required",
    "schema",
    "style",
];

const MEDIA_TYPE: &[&str] = &["example", "examples", "schema"];

/// By the place where they are sent (`query`, `header`, …) and their name.
type Parameters<'v> = BTreeMap<(String, String), &'v Value>;

impl Comparison<'_> {
    pub fn operations(&mut self, place: &Place, old: &Operation, new: &Operation) {
        self.ids(place, old.value, new.value);
        self.tags(place, old.value, new.value);
        let is_deprecated = |operation: &Value| operation["deprecated"] == true;
        self.deprecation(place, is_deprecated(old.value), is_deprecated(new.value));
        self.servers(place, old.item, new.item);
        self.servers(place, old.value, new.value);
        security::requirements(self, place, old.value, new.value);
        self.parameters(place, old, new);
        self.request(place, old.value, new.value);
        self.responses(place, &old.value["responses"], &new.value["responses"]);
        self.others(place, OPERATION, old.value, new.value);
    }

    fn ids(&mut self, place: &Place, old: &Value, new: &Value) {
        let id = |operation: &Value| operation["operationId"].as_str().map(str::to_owned);
        let kind = match (id(old), id(new)) {
            (was, is) if was == is => return,
            (None, _) => Kind::OperationIdAdded,
            _ => Kind::OperationIdChanged,
        };
        self.found(kind, place, id(old), id(new));
    }

    fn tags(&mut self, place: &Place, old: &Value, new: &Value) {
        let tags = |operation: &Value| -> Vec<String> {
            let tags = operation["tags"].as_array().into_iter().flatten();
            tags.filter_map(|tag| tag.as_str().map(str::to_owned))
                .collect()
        };
        let (was, is) = (tags(old), tags(new));
        if was.first() != is.first() {
            // Said once for all operations that go from the one to the other.
            let name = was.first().map_or("no tag", String::as_str);
            let place = place.component(&format!("tag {name}"));
            let (was, is) = (was.first().cloned(), is.first().cloned());
            self.found(Kind::TagChanged, &place, was, is);
        } else if was != is {
            let (was, is) = (Some(was.join(", ")), Some(is.join(", ")));
            self.found(Kind::FurtherTagsChanged, place, was, is);
        }
    }

    fn parameters(&mut self, place: &Place, old: &Operation, new: &Operation) {
        let new_names = path_names(new.path);
        let old_names = path_names(old.path);
        let renamed: BTreeMap<&str, &str> = new_names.into_iter().zip(old_names).collect();
        for (is, was) in renamed.iter().filter(|(is, was)| is != was) {
            let place = place.part(&format!("path {was}"));
            let (was, is) = ((*was).to_owned(), (*is).to_owned());
            self.found(Kind::PathParameterRenamed, &place, Some(was), Some(is));
        }
        let (old_document, new_document) = (Document(self.old.0), Document(self.new.0));
        let was = parameters(&old_document, old, &BTreeMap::new());
        let is = parameters(&new_document, new, &renamed);
        let keys: BTreeSet<_> = was.keys().chain(is.keys()).collect();
        for key @ (location, name) in keys {
            let sent = was.get(key).or_else(|| is.get(key));
            let name = match location.as_str() {
                "header" => sent.and_then(|sent| sent["name"].as_str()).unwrap_or(name),
                _ => name,
            };
            let place = &place.part(&format!("{location} {name}"));
            let kind = match (was.get(key), is.get(key)) {
                (Some(was), Some(is)) => {
                    self.parameter(place, location, was, is);
                    continue;
                }
                (None, Some(parameter)) if parameter["required"] == true => {
                    Kind::ParameterAddedRequired
                }
                (None, _) => Kind::ParameterAdded,
                (_, None) => Kind::ParameterRemoved,
            };
            self.found(kind, place, None, None);
        }
    }

    fn parameter(&mut self, place: &Place, location: &str, old: &Value, new: &Value) {
        match (old["required"] == true, new["required"] == true) {
            (false, true) => self.found(Kind::ParameterBecameRequired, place, None, None),
            (true, false) => self.found(Kind::ParameterBecameOptional, place, None, None),
            _ => (),
        }
        self.value(place, Direction::Request, (location, old), (location, new));
    }

    /// A parameter or a header, with the place where it is sent.
    pub fn value(
        &mut self,
        place: &Place,
        direction: Direction,
        (old_location, old): (&str, &Value),
        (new_location, new): (&str, &Value),
    ) {
        let is_deprecated = |value: &Value| value["deprecated"] == true;
        self.deprecation(place, is_deprecated(old), is_deprecated(new));
        let was = style(&self.old, old_location, old);
        let is = style(&self.new, new_location, new);
        if was != is {
            self.found(Kind::Unjudged, place, Some(was), Some(is));
        }
        self.others(place, PARAMETER, old, new);
        let (old_media, old_schema) = schema(old);
        let (new_media, new_schema) = schema(new);
        if old_media != new_media {
            let told = |media: Option<&String>| media.map(|media| format!("content {media}"));
            self.found(Kind::Unjudged, place, told(old_media), told(new_media));
        }
        self.schemas(place, direction, old_schema, new_schema);
    }

    fn request(&mut self, place: &Place, old: &Value, new: &Value) {
        let place = &place.part("request");
        let (old_document, new_document) = (Document(self.old.0), Document(self.new.0));
        let was = old
            .get("requestBody")
            .map(|body| old_document.resolve(body));
        let is = new
            .get("requestBody")
            .map(|body| new_document.resolve(body));
        let is_required = |body: &Value| body["required"] == true;
        let kind = match (was, is) {
            (None, None) => return,
            (Some(_), None) => Kind::RequestBodyRemoved,
            (None, Some(is)) if is_required(is) => Kind::RequestBodyBecameRequired,
            (None, Some(_)) => Kind::RequestBodyAdded,
            (Some(was), Some(is)) => {
                let kind = match (is_required(was), is_required(is)) {
                    (false, true) => Some(Kind::RequestBodyBecameRequired),
                    (true, false) => Some(Kind::RequestBodyBecameOptional),
                    _ => None,
                };
                if let Some(kind) = kind {
                    self.found(kind, place, None, None);
                }
                self.contents(place, Direction::Request, was, is);
                return self.others(place, &["content", "description", "required"], was, is);
            }
        };
        self.found(kind, place, None, None);
    }

    /// The media types of a request or an answer.
    pub fn contents(&mut self, place: &Place, direction: Direction, old: &Value, new: &Value) {
        let (was, is) = (media_types(old), media_types(new));
        let (removed, added) = match direction {
            Direction::Request => (Kind::RequestMediaTypeRemoved, Kind::RequestMediaTypeAdded),
            Direction::Response => (Kind::ResponseMediaTypeRemoved, Kind::ResponseMediaTypeAdded),
        };
        for (name, is) in &is {
            let Some(was) = was.get(name) else {
                self.found(added, place, None, Some(name.clone()));
                continue;
            };
            self.others(place, MEDIA_TYPE, was, is);
            let schema =
                |media_type: &Value| media_type.get("schema").cloned().unwrap_or(true.into());
            self.schemas(place, direction, &schema(was), &schema(is));
        }
        for name in was.keys().filter(|name| !is.contains_key(*name)) {
            self.found(removed, place, Some(name.clone()), None);
        }
    }
}

/// Those of the operation and of its path. `renamed` leads from the names in the path to those of the older document.
fn parameters<'v>(
    document: &'v Document,
    operation: &Operation<'v>,
    renamed: &BTreeMap<&str, &str>,
) -> Parameters<'v> {
    let holders = [operation.item, operation.value];
    let parameters = holders.into_iter().flat_map(|holder| {
        let listed = holder["parameters"].as_array();
        listed
            .into_iter()
            .flatten()
            .map(|parameter| document.resolve(parameter))
    });
    let keyed = parameters.map(|parameter| {
        let location = parameter["in"].as_str().unwrap_or_default().to_owned();
        let name = parameter["name"].as_str().unwrap_or_default();
        let name = match location.as_str() {
            "path" => renamed.get(name).copied().unwrap_or(name).to_owned(),
            // Upper and lower case are the same there (RFC 9110 §5.1).
            "header" => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        ((location, name), parameter)
    });
    keyed.collect()
}

/// How a parameter's value is written, with the defaults of OpenAPI.
fn style(document: &Document, location: &str, parameter: &Value) -> String {
    let default = match location {
        "query" | "cookie" => "form",
        _ => "simple",
    };
    let style = parameter["style"].as_str().unwrap_or(default);
    let (_, schema) = schema(parameter);
    let is_single = document.forms(schema).iter().all(|form| {
        let shape = Shape::of(document, form);
        !shape.types.contains("array") && !shape.types.contains("object")
    });
    let is_exploded = parameter["explode"].as_bool().unwrap_or(style == "form");
    match is_exploded && !is_single {
        true => format!("style {style}, exploded"),
        false => format!("style {style}"),
    }
}

/// The schema of a parameter or a header, with its media type if it has one.
fn schema(parameter: &Value) -> (Option<&String>, &Value) {
    let content = parameter["content"]
        .as_object()
        .and_then(|content| content.iter().next());
    match content {
        Some((media_type, content)) => (
            Some(media_type),
            content.get("schema").unwrap_or(&Value::Null),
        ),
        None => (None, parameter.get("schema").unwrap_or(&Value::Null)),
    }
}

/// By name without parameters such as `charset`.
fn media_types(holder: &Value) -> BTreeMap<String, &Value> {
    let content = holder["content"].as_object().into_iter().flatten();
    let named = content.map(|(name, media_type)| {
        let essence = name.split(';').next().unwrap_or_default();
        (essence.trim().to_ascii_lowercase(), media_type)
    });
    named.collect()
}
