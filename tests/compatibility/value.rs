//! Compares what two schemas say of a single value: the list of values, bounds, pattern, format, default.

use serde_json::Value;

use crate::change::Place;
use crate::facet::{self, Direction, Sense};
use crate::kind::Kind;
use crate::schema::Comparison;
use crate::shape::{Shape, is_less};

/// How a bound is read: whether the first is the narrower of two.
type IsNarrower = fn(&Value, &Value) -> bool;

const AT_LEAST: IsNarrower = |a, b| is_less(b, a);
const AT_MOST: IsNarrower = is_less;

const LENGTHS: &[(&str, IsNarrower)] = &[
    ("minLength", AT_LEAST),
    ("maxLength", AT_MOST),
    ("minItems", AT_LEAST),
    ("maxItems", AT_MOST),
    ("minProperties", AT_LEAST),
    ("maxProperties", AT_MOST),
];

/// Formats of which the second takes all of the first.
const LARGER: &[(&str, &str)] = &[("int32", "int64"), ("float", "double")];

/// Takes from both shapes what it compares.
pub fn compare(
    comparison: &mut Comparison,
    place: &Place,
    direction: Direction,
    old: &mut Shape,
    new: &mut Shape,
) {
    let mut at = At {
        comparison,
        place,
        direction,
    };
    at.values(old.values.take(), new.values.take());
    at.bound("minimum", AT_LEAST, old.least.take(), new.least.take());
    at.bound("maximum", AT_MOST, old.most.take(), new.most.take());
    for (name, is_narrower) in LENGTHS {
        // No length is below 0.
        let bound = |shape: &mut Shape| {
            let bound = shape.rest.remove(*name).filter(|bound| *bound != 0);
            bound.map(|bound| (bound, false))
        };
        at.bound(name, *is_narrower, bound(old), bound(new));
    }
    let mut flag = |name: &str| {
        [&mut *old, &mut *new].map(|shape| shape.rest.remove(name) == Some(Value::Bool(true)))
    };
    at.unique(flag("uniqueItems"));
    at.deprecation(flag("deprecated"));
    // Looked at with the object that they are a property of.
    flag("readOnly");
    flag("writeOnly");
    let mut both = |name: &str| [&mut *old, &mut *new].map(|shape| shape.rest.remove(name));
    at.multiple(both("multipleOf"));
    at.pattern(both("pattern"));
    at.format(both("format"));
    at.default(both("default"));
}

struct At<'c, 'd> {
    comparison: &'c mut Comparison<'d>,
    place: &'c Place,
    direction: Direction,
}

impl At<'_, '_> {
    fn found(
        &mut self,
        facet: &facet::Facet,
        sense: Sense,
        was: Option<String>,
        is: Option<String>,
    ) {
        let Self {
            place, direction, ..
        } = *self;
        self.comparison
            .found_of(facet, (direction, sense), place, was, is);
    }

    fn values(&mut self, old: Option<Vec<Value>>, new: Option<Vec<Value>>) {
        let facet = match self.place.is_problem_code() {
            true => &facet::PROBLEM_CODES,
            false => &facet::VALUES,
        };
        let any = || Some("any".to_owned());
        match (old, new) {
            (None, None) => (),
            (None, Some(new)) => self.found(facet, Sense::Narrowed, any(), list(&new)),
            (Some(old), None) => self.found(facet, Sense::Widened, list(&old), any()),
            (Some(mut old), Some(mut new)) => {
                let before = old.clone();
                old.retain(|value| !new.contains(value));
                new.retain(|value| !before.contains(value));
                if !old.is_empty() {
                    self.found(facet, Sense::Narrowed, list(&old), None);
                }
                if !new.is_empty() {
                    self.found(facet, Sense::Widened, None, list(&new));
                }
            }
        }
    }

    fn bound(
        &mut self,
        name: &str,
        is_narrower: IsNarrower,
        old: Option<(Value, bool)>,
        new: Option<(Value, bool)>,
    ) {
        let sense = match (&old, &new) {
            (None, None) => return,
            (None, Some(_)) => Sense::Narrowed,
            (Some(_), None) => Sense::Widened,
            (Some((was, _)), Some((is, _))) if is_narrower(is, was) => Sense::Narrowed,
            (Some((was, _)), Some((is, _))) if is_narrower(was, is) => Sense::Widened,
            (Some((_, false)), Some((_, true))) => Sense::Narrowed,
            (Some((_, true)), Some((_, false))) => Sense::Widened,
            _ => return,
        };
        let told = |bound: Option<(Value, bool)>| {
            bound.map(|(value, is_excluded)| match is_excluded {
                true => format!("{name} {value}, excluded"),
                false => format!("{name} {value}"),
            })
        };
        self.found(&facet::BOUND, sense, told(old), told(new));
    }

    fn unique(&mut self, [old, new]: [bool; 2]) {
        let told = || Some("uniqueItems".to_owned());
        match (old, new) {
            (false, true) => self.found(&facet::BOUND, Sense::Narrowed, None, told()),
            (true, false) => self.found(&facet::BOUND, Sense::Widened, told(), None),
            _ => (),
        }
    }

    fn multiple(&mut self, [old, new]: [Option<Value>; 2]) {
        let factor = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
        let sense = match (factor(&old), factor(&new)) {
            (None, None) => return,
            (None, Some(_)) => Sense::Narrowed,
            (Some(_), None) => Sense::Widened,
            (Some(was), Some(is)) if was == is => return,
            (Some(was), Some(is)) if is % was == 0.0 => Sense::Narrowed,
            (Some(was), Some(is)) if was % is == 0.0 => Sense::Widened,
            _ => Sense::Changed,
        };
        let told = |value: Option<Value>| value.map(|value| format!("multipleOf {value}"));
        self.found(&facet::BOUND, sense, told(old), told(new));
    }

    fn pattern(&mut self, [old, new]: [Option<Value>; 2]) {
        if old != new {
            let sense = sense_of_presence(&old, &new);
            self.found(&facet::PATTERN, sense, told(old), told(new));
        }
    }

    fn format(&mut self, formats: [Option<Value>; 2]) {
        // Says how to show it, not what it is.
        let [old, new] = formats.map(|format| format.filter(|format| format != "password"));
        if old == new {
            return;
        }
        let is_larger = |small: &Option<Value>, large: &Option<Value>| {
            let pair = (small.as_ref(), large.as_ref());
            let (Some(Value::String(small)), Some(Value::String(large))) = pair else {
                return false;
            };
            LARGER.contains(&(small, large))
        };
        let sense = match () {
            () if is_larger(&old, &new) => Sense::Widened,
            () if is_larger(&new, &old) => Sense::Narrowed,
            () => sense_of_presence(&old, &new),
        };
        self.found(&facet::FORMAT, sense, told(old), told(new));
    }

    fn default(&mut self, [old, new]: [Option<Value>; 2]) {
        if self.direction == Direction::Response || old == new {
            return;
        }
        let kind = match old {
            None => Kind::RequestDefaultAdded,
            Some(_) => Kind::RequestDefaultChanged,
        };
        self.comparison
            .found(kind, self.place, told(old), told(new));
    }

    fn deprecation(&mut self, [old, new]: [bool; 2]) {
        self.comparison.deprecation(self.place, old, new);
    }
}

/// Of a rule that is there or not, and of which two cannot be compared.
fn sense_of_presence(old: &Option<Value>, new: &Option<Value>) -> Sense {
    match (old, new) {
        (None, Some(_)) => Sense::Narrowed,
        (Some(_), None) => Sense::Widened,
        _ => Sense::Changed,
    }
}

fn told(value: Option<Value>) -> Option<String> {
    value.as_ref().map(text)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn list(values: &[Value]) -> Option<String> {
    let mut values: Vec<String> = values.iter().map(text).collect();
    values.sort();
    Some(values.join(", "))
}
