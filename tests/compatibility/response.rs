//! Compares the answers of two operations: statuses, headers, bodies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::change::Place;
use crate::facet::Direction;
use crate::kind::Kind;
use crate::schema::Comparison;
use crate::shape::Document;

/// Links tell where one may go on; they promise nothing of the answer.
const RESPONSE: &[&str] = &["content", "description", "headers", "links"];

/// Whether a client that gets it has what it asked for. 304 comes only to one that sent a condition (RFC 9110 §15.4.5).
fn is_success(status: &str) -> bool {
    status.starts_with(['2', '3']) && status != "304"
}

/// Whether its body tells of an error.
pub fn is_error(status: &str) -> bool {
    !status.starts_with(['1', '2', '3'])
}

/// The answer that a document has for a status: its own, that of its class (`4XX`), or `default`.
fn covering<'v>(responses: &'v Value, status: &str) -> Option<&'v Value> {
    let class = format!("{}XX", &status[..1]);
    let names = [status, &class, "default"];
    names.iter().find_map(|name| responses.get(name))
}

impl Comparison<'_> {
    pub fn responses(&mut self, place: &Place, old: &Value, new: &Value) {
        let statuses = |responses: &Value| -> BTreeSet<String> {
            let names = responses
                .as_object()
                .into_iter()
                .flat_map(|responses| responses.keys());
            names.cloned().collect()
        };
        let (old_document, new_document) = (Document(self.old.0), Document(self.new.0));
        for status in statuses(old).union(&statuses(new)) {
            let place = &place.part(&format!("{status} response"));
            let place = &place.clone().of_error(is_error(status));
            // Of two that have it, and of one whose other has it among several.
            let (was, is) = (covering(old, status), covering(new, status));
            let kind = match (was, is, is_success(status)) {
                (Some(was), Some(is), _) => {
                    self.response(place, old_document.resolve(was), new_document.resolve(is));
                    continue;
                }
                (Some(_), None, true) => Kind::SuccessStatusRemoved,
                (Some(_), None, false) => Kind::OtherStatusRemoved,
                (None, _, true) => Kind::SuccessStatusAdded,
                (None, _, false) => Kind::OtherStatusAdded,
            };
            self.found(kind, place, None, None);
        }
    }

    fn response(&mut self, place: &Place, old: &Value, new: &Value) {
        self.headers(place, old, new);
        self.contents(place, Direction::Response, old, new);
        self.others(place, RESPONSE, old, new);
    }

    fn headers(&mut self, place: &Place, old: &Value, new: &Value) {
        let (old_document, new_document) = (Document(self.old.0), Document(self.new.0));
        let (was, is) = (headers(&old_document, old), headers(&new_document, new));
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for key in names {
            let (was, is) = (was.get(key), is.get(key));
            let name = was.or(is).map_or("", |(name, _)| name);
            let place = &place.part(&format!("header {name}"));
            match (was, is) {
                (Some((_, was)), Some((_, is))) => {
                    match (was["required"] == true, is["required"] == true) {
                        (false, true) => {
                            self.found(Kind::ResponseHeaderBecameRequired, place, None, None);
                        }
                        (true, false) => {
                            self.found(Kind::ResponseHeaderBecameOptional, place, None, None);
                        }
                        _ => (),
                    }
                    self.value(place, Direction::Response, ("header", was), ("header", is));
                }
                (None, _) => self.found(Kind::ResponseHeaderAdded, place, None, None),
                (_, None) => self.found(Kind::ResponseHeaderRemoved, place, None, None),
            }
        }
    }
}

/// By name in lower case, for both are the same there (RFC 9110 §5.1), with the name as it is written.
fn headers<'v>(
    document: &'v Document,
    response: &'v Value,
) -> BTreeMap<String, (&'v str, &'v Value)> {
    let headers = response["headers"].as_object().into_iter().flatten();
    let named = headers.map(|(name, header)| {
        let header = document.resolve(header);
        (name.to_ascii_lowercase(), (name.as_str(), header))
    });
    named.collect()
}
