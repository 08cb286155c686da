//! Compares what two schemas take: forms, types, objects, lists. Of single values it leaves the bounds to `value.rs`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::change::{Finding, Place};
use crate::facet::{self, Direction, Facet, Sense};
use crate::kind::Kind;
use crate::shape::{Document, Shape, component_name};
use crate::value;

/// Two documents, and what was found so far.
pub struct Comparison<'a> {
    pub old: Document<'a>,
    pub new: Document<'a>,
    pub findings: Vec<Finding>,
    /// The pairs of schemas that are being compared: one that contains itself is compared once.
    under_way: Vec<(Value, Value)>,
}

impl<'a> Comparison<'a> {
    pub fn new(old: &'a Value, new: &'a Value) -> Self {
        Self {
            old: Document(old),
            new: Document(new),
            findings: Vec::new(),
            under_way: Vec::new(),
        }
    }

    pub fn found(&mut self, kind: Kind, place: &Place, was: Option<String>, is: Option<String>) {
        self.findings.push(Finding {
            kind,
            place: place.clone(),
            was,
            is,
        });
    }

    /// A facet of a value that takes what it took in another sense.
    pub fn found_of(
        &mut self,
        facet: &Facet,
        (direction, sense): (Direction, Sense),
        place: &Place,
        was: Option<String>,
        is: Option<String>,
    ) {
        self.found(facet.kind(direction, sense), place, was, is);
    }

    /// What comes of a value when `old` becomes `new`.
    pub fn schemas(&mut self, place: &Place, direction: Direction, old: &Value, new: &Value) {
        if old == new && !refers(old) {
            return;
        }
        let pair = (old.clone(), new.clone());
        if self.under_way.contains(&pair) {
            return;
        }
        self.under_way.push(pair);
        let names = (component_name(old), component_name(new));
        let place = match names {
            (Some(was), Some(is)) if was == is => &place.component(was),
            _ => place,
        };
        let (old_forms, new_forms) = (self.old.forms(old), self.new.forms(new));
        match (&old_forms[..], &new_forms[..]) {
            ([old], [new]) => self.forms(place, direction, old, new),
            _ => {
                if let (Some(was), Some(is)) = names {
                    self.names(place, Some(was), Some(is));
                }
                self.discriminators(place, old, new);
                self.alternatives(place, direction, &old_forms, &new_forms);
            }
        }
        self.under_way.pop();
    }

    /// Says it when a component is called otherwise. Returns the place of what is in it.
    fn names(&mut self, place: &Place, was: Option<&str>, is: Option<&str>) -> Place {
        match (was, is) {
            (None, None) => place.clone(),
            (Some(was), Some(is)) if was == is => place.component(was),
            (Some(was), Some(is)) => {
                let (name, was, is) = (place.naming(was), was.to_owned(), is.to_owned());
                self.found(Kind::SchemaRenamed, &name, Some(was), Some(is));
                place.apart()
            }
            (None, Some(is)) => {
                self.found(Kind::SchemaNamed, &place.naming(is), None, None);
                place.apart()
            }
            (Some(was), None) => {
                self.found(Kind::SchemaUnnamed, &place.naming(was), None, None);
                place.apart()
            }
        }
    }

    fn discriminators(&mut self, place: &Place, old: &Value, new: &Value) {
        let (was, is) = (self.old.discriminator(old), self.new.discriminator(new));
        // A discriminator where there was none only helps; what it says is valid without it.
        if was.is_some() && was != is {
            let told = |discriminator: Option<Value>| {
                discriminator.map(|it| format!("discriminator {it}"))
            };
            self.found(Kind::Unjudged, place, told(was), told(is));
        }
    }

    /// Whatever the client may send has to find a form that takes it; whatever it receives, one that it knew.
    fn alternatives(&mut self, place: &Place, direction: Direction, old: &[Value], new: &[Value]) {
        let (given, wanted, missing, spare) = match direction {
            Direction::Request => (old, new, Sense::Narrowed, Sense::Widened),
            Direction::Response => (new, old, Sense::Widened, Sense::Narrowed),
        };
        let told = |sense, form| match sense {
            Sense::Widened => (None, Some(form)),
            _ => (Some(form), None),
        };
        let mut is_spare = vec![true; wanted.len()];
        for form in given {
            let mut trials: Vec<_> = (0..wanted.len())
                .map(|index| (index, self.trial(place, direction, form, &wanted[index])))
                .collect();
            let breaks =
                |trial: &[Finding]| trial.iter().filter(|found| found.kind.breaks()).count();
            trials.sort_by_key(|(_, trial)| (breaks(trial), trial.len()));
            let name = |form: &Value| form["$ref"].as_str().map(str::to_owned);
            let best = trials.into_iter().find(|(index, trial)| {
                breaks(trial) == 0 || name(form).is_some() && name(form) == name(&wanted[*index])
            });
            match best {
                Some((index, trial)) => {
                    is_spare[index] = false;
                    self.findings.extend(trial);
                }
                None => {
                    let (was, is) = told(missing, self.form_told(missing, form));
                    self.found_of(&facet::ALTERNATIVES, (direction, missing), place, was, is);
                }
            }
        }
        for (form, _) in wanted
            .iter()
            .zip(is_spare)
            .filter(|(_, is_spare)| *is_spare)
        {
            let (was, is) = told(spare, self.form_told(spare, form));
            self.found_of(&facet::ALTERNATIVES, (direction, spare), place, was, is);
        }
    }

    /// What comparing a given form with a wanted one finds.
    fn trial(
        &mut self,
        place: &Place,
        direction: Direction,
        given: &Value,
        wanted: &Value,
    ) -> Vec<Finding> {
        let (old, new) = match direction {
            Direction::Request => (given, wanted),
            Direction::Response => (wanted, given),
        };
        let before = std::mem::take(&mut self.findings);
        self.forms(place, direction, old, new);
        std::mem::replace(&mut self.findings, before)
    }

    /// For people: the component's name, or what it consists of.
    fn form_told(&self, sense: Sense, form: &Value) -> String {
        let document = match sense {
            Sense::Widened => &self.new,
            _ => &self.old,
        };
        if let Some(name) = component_name(form) {
            return name.to_owned();
        }
        let shape = Shape::of(document, form);
        let names: Vec<&str> = shape.properties.keys().map(String::as_str).collect();
        match names.is_empty() {
            true => shape.types_told(),
            false => format!("object of {}", names.join(", ")),
        }
    }

    fn forms(&mut self, place: &Place, direction: Direction, old: &Value, new: &Value) {
        let (was, is) = (component_name(old), component_name(new));
        let place = &self.names(place, was, is);
        let (mut old, mut new) = (Shape::of(&self.old, old), Shape::of(&self.new, new));
        if !self.types(place, direction, &old, &new) {
            return;
        }
        value::compare(self, place, direction, &mut old, &mut new);
        self.properties(place, direction, &old, &new);
        self.further(place, direction, &old, &new);
        if (&old.items, &new.items) != (&true.into(), &true.into()) {
            self.schemas(&place.items(), direction, &old.items, &new.items);
        }
        let keywords: BTreeSet<&String> = old.rest.keys().chain(new.rest.keys()).collect();
        for keyword in keywords {
            let (was, is) = (old.rest.get(keyword), new.rest.get(keyword));
            if was != is {
                let told = |value: Option<&Value>| value.map(|value| format!("{keyword} {value}"));
                self.found(Kind::Unjudged, place, told(was), told(is));
            }
        }
    }

    /// Returns whether they have a type in common.
    fn types(&mut self, place: &Place, direction: Direction, old: &Shape, new: &Shape) -> bool {
        let sense = match (
            new.types.is_subset(&old.types),
            old.types.is_subset(&new.types),
        ) {
            (true, true) => None,
            (true, false) => Some(Sense::Narrowed),
            (false, true) => Some(Sense::Widened),
            (false, false) => Some(Sense::Changed),
        };
        if let Some(sense) = sense {
            let (was, is) = (Some(old.types_told()), Some(new.types_told()));
            self.found_of(&facet::TYPE, (direction, sense), place, was, is);
        }
        // Where everything was or is taken, so is null, and that is said.
        let is_said = sense.is_some() && (old.takes_every_type() || new.takes_every_type());
        if !is_said && old.takes_null != new.takes_null {
            let sense = match new.takes_null {
                true => Sense::Widened,
                false => Sense::Narrowed,
            };
            self.found_of(&facet::NULL, (direction, sense), place, None, None);
        }
        !old.types.is_disjoint(&new.types)
    }

    fn properties(&mut self, place: &Place, direction: Direction, old: &Shape, new: &Shape) {
        let hidden = match direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let names: BTreeSet<&String> = old.properties.keys().chain(new.properties.keys()).collect();
        for name in names {
            let was = old.properties.get(name);
            let was = was.filter(|schema| !self.old.has_flag(schema, hidden));
            let is = new.properties.get(name);
            let is = is.filter(|schema| !self.new.has_flag(schema, hidden));
            let required = (old.required.contains(name), new.required.contains(name));
            let place = &place.property(name);
            let kind = match (direction, was, is) {
                (_, None, None) => continue,
                (_, Some(was), Some(is)) => {
                    if let Some(kind) = requirement(direction, required) {
                        self.found(kind, place, None, None);
                    }
                    self.schemas(place, direction, was, is);
                    continue;
                }
                (Direction::Request, Some(_), None) => Kind::RequestPropertyRemoved,
                (Direction::Request, None, Some(_)) => match required.1 {
                    true => Kind::RequestPropertyAddedRequired,
                    false => Kind::RequestPropertyAdded,
                },
                (Direction::Response, Some(_), None) => match place.is_of_error() && !required.0 {
                    true => Kind::ProblemPropertyRemoved,
                    false => Kind::ResponsePropertyRemoved,
                },
                (Direction::Response, None, Some(_)) => match old.further == false {
                    true => Kind::ResponsePropertyAddedToClosed,
                    false => Kind::ResponsePropertyAdded,
                },
            };
            self.found(kind, place, None, None);
        }
    }

    /// Properties that are not listed.
    fn further(&mut self, place: &Place, direction: Direction, old: &Shape, new: &Shape) {
        match (old.further == false, new.further == false) {
            (false, true) => {
                self.found_of(
                    &facet::OBJECT,
                    (direction, Sense::Narrowed),
                    place,
                    None,
                    None,
                );
            }
            (true, false) => {
                self.found_of(
                    &facet::OBJECT,
                    (direction, Sense::Widened),
                    place,
                    None,
                    None,
                );
            }
            (false, false) if old.further != true || new.further != true => {
                self.schemas(&place.further(), direction, &old.further, &new.further);
            }
            _ => (),
        }
    }
}

/// Whether what it says stands elsewhere in part.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

fn requirement(direction: Direction, required: (bool, bool)) -> Option<Kind> {
    match (direction, required) {
        (Direction::Request, (false, true)) => Some(Kind::RequestPropertyBecameRequired),
        (Direction::Request, (true, false)) => Some(Kind::RequestPropertyBecameOptional),
        (Direction::Response, (false, true)) => Some(Kind::ResponsePropertyBecameRequired),
        (Direction::Response, (true, false)) => Some(Kind::ResponsePropertyBecameOptional),
        _ => None,
    }
}
