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

/// Formats of whole numbers, with the least and the most of each.
const RANGES: &[(&str, i128, i128)] = &[
    ("int8", i8::MIN as i128, i8::MAX as i128),
    ("int16", i16::MIN as i128, i16::MAX as i128),
    ("int32", i32::MIN as i128, i32::MAX as i128),
    ("int64", i64::MIN as i128, i64::MAX as i128),
    ("uint8", 0, u8::MAX as i128),
    ("uint16", 0, u16::MAX as i128),
    ("uint32", 0, u32::MAX as i128),
    ("uint64", 0, u64::MAX as i128),
];

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
    let ranges = [range(old), range(new)];
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
    at.format(both("format"), ranges);
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

    fn format(&mut self, formats: [Option<Value>; 2], ranges: [Option<(i128, i128)>; 2]) {
        // Says how to show it, not what it is.
        let [old, new] = formats.map(|format| format.filter(|format| format != "password"));
        if old == new {
            return;
        }
        let names = [&old, &new].map(|format| format.as_ref().and_then(Value::as_str));
        let sense = match (names, ranges) {
            ([Some("float"), Some("double")], _) => Sense::Widened,
            ([Some("double"), Some("float")], _) => Sense::Narrowed,
            (_, [Some(was), Some(is)]) => self.sense_of_ranges(was, is),
            _ => sense_of_presence(&old, &new),
        };
        self.found(&facet::FORMAT, sense, told(old), told(new));
    }

    /// Two of the same are told of for the type that generated clients use, and break nothing.
    fn sense_of_ranges(&self, was: (i128, i128), is: (i128, i128)) -> Sense {
        let holds =
            |outer: (i128, i128), inner: (i128, i128)| outer.0 <= inner.0 && inner.1 <= outer.1;
        match (holds(was, is), holds(is, was)) {
            (true, true) if self.direction == Direction::Request => Sense::Widened,
            (true, _) => Sense::Narrowed,
            (false, true) => Sense::Widened,
            (false, false) => Sense::Changed,
        }
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

/// The whole numbers that a schema takes by its bounds and its format, if it takes nothing else.
fn range(shape: &Shape) -> Option<(i128, i128)> {
    let (_, least, most) = match shape.rest.get("format") {
        None => &("", i128::MIN, i128::MAX),
        Some(format) => RANGES.iter().find(|(name, ..)| format == name)?,
    };
    let whole = |bound: &Option<(Value, bool)>| {
        let number = &bound.as_ref()?.0;
        let signed = number.as_i64().map(i128::from);
        let unsigned = number.as_u64().map(i128::from);
        // Some write `100.0`.
        let written = number.as_f64().filter(|number| number.fract() == 0.0);
        signed.or(unsigned).or(written.map(|number| number as i128))
    };
    let is_whole = shape.types.len() == 1 && shape.types.contains("integer");
    is_whole.then_some((
        whole(&shape.least).map_or(*least, |bound| bound.max(*least)),
        whole(&shape.most).map_or(*most, |bound| bound.min(*most)),
    ))
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
