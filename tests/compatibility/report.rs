//! What there is to say of the changes, for the log and for the developer who has to act.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::Change;
use crate::declared::{Entry, Verdict};
use crate::kind::Kind;

/// Columns of a line.
const WIDTH: usize = 120;

/// Of what broke nothing, so much is shown of what was and is.
const LONGEST: usize = 240;

/// Operations that are named where several share what changed.
const NAMED: usize = 3;

/// Everything that changed, and what was declared of it.
pub fn changes(verdict: &Verdict, is_release: bool) -> String {
    let Verdict {
        undeclared,
        declared,
        compatible,
        ..
    } = verdict;
    let mut lines = vec![format!(
        "{} breaking and undeclared, {} breaking and declared, {} compatible",
        undeclared.len(),
        declared.len(),
        compatible.len()
    )];
    for change in undeclared {
        lines.push(format!("BREAKS      {}", change.told()));
        lines.push(indented(&[place(change)]));
    }
    for (change, entry) in declared {
        lines.push(format!("declared    {}", change.told()));
        lines.push(indented(&[place(change)]));
        lines.push(indented(&[format!("because: {}", entry.reason())]));
    }
    // The same in many places is said once.
    let mut places: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for change in compatible {
        let (told, place) = match (change.kind, &change.was, &change.is) {
            (Kind::SchemaRenamed, Some(was), Some(is)) => {
                (change.kind.name().to_owned(), format!("{was} → {is}"))
            }
            _ => (shortened(change.told()), place(change)),
        };
        places.entry((change.kind, told)).or_default().push(place);
    }
    for ((_, told), places) in places {
        lines.push(format!("compatible  {told}"));
        lines.push(indented(&folded(&places)));
    }
    let unused = verdict.unused.iter();
    if is_release {
        lines.extend(unused.map(|entry| {
            let shown = serde_json::to_string(entry).unwrap_or_default();
            format!("warning     matches nothing, take it out of declared.json: {shown}")
        }));
    } else if !verdict.unused.is_empty() {
        // Between two commits: of the same release, and to go with the others after it.
        lines.push(format!(
            "earlier     {} more are declared of changes before that",
            unused.len()
        ));
    }
    lines.join("\n")
}

/// What to do about what was found.
pub fn refusal(verdict: &Verdict) -> String {
    let mut parts = Vec::new();
    if !verdict.faults.is_empty() {
        let faults = verdict.faults.join("\n");
        parts.push(format!(
            "declared.json has entries that never match:\n{faults}"
        ));
    }
    if !verdict.undeclared.is_empty() {
        let undeclared = verdict.undeclared.iter();
        let entries: Vec<Entry> = undeclared.map(|change| Entry::of(change)).collect();
        let entries = serde_json::to_string_pretty(&entries).unwrap_or_default();
        parts.push(format!(
            "openapi.json breaks clients of the former one. Where that is not meant, mend it. Where it is, add to \
             tests/compatibility/declared.json, each with its reason:\n{entries}"
        ));
    }
    parts.join("\n\n")
}

/// The place, with the operations where it shows when the place does not say it.
fn place(change: &Change) -> String {
    let Change {
        place, operations, ..
    } = change;
    let is_said = operations
        .iter()
        .any(|operation| place.starts_with(operation.as_str()));
    if is_said || operations.is_empty() {
        return place.clone();
    }
    let named = &operations[..operations.len().min(NAMED)];
    let more = match operations.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{place} (in {}{more})", named.join(", "))
}

/// The same of several statuses of one operation is said once.
fn folded(places: &[String]) -> Vec<String> {
    let mut statuses: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for place in places {
        let mut words = place.match_indices(' ').map(|(index, _)| index);
        let (operation, rest) = match words.nth(1) {
            Some(end) => (&place[..end], &place[end + 1..]),
            None => (place.as_str(), ""),
        };
        let (status, part) = match rest.split_once(' ') {
            Some((status, part)) if part.starts_with("response") => (status, part),
            _ => ("", rest),
        };
        statuses
            .entry((operation, part))
            .or_default()
            .insert(status);
    }
    let folded = statuses.into_iter().map(|((operation, part), statuses)| {
        let statuses: Vec<&str> = statuses.into_iter().collect();
        let words = [operation, &statuses.join(", "), part];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(" ")
    });
    folded.collect()
}

fn shortened(told: String) -> String {
    match told.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &told[..end]),
        None => told,
    }
}

/// In lines under what they belong to.
fn indented(parts: &[String]) -> String {
    const INDENT: &str = "            ";
    let mut lines = vec![INDENT.to_owned()];
    for (index, part) in parts.iter().enumerate() {
        let comma = match index + 1 < parts.len() {
            true => ",",
            false => "",
        };
        let line = lines.last_mut().expect("a line");
        if line.len() > INDENT.len() && line.len() + part.len() + 2 > WIDTH {
            lines.push(INDENT.to_owned());
        } else if line.len() > INDENT.len() {
            line.push(' ');
        }
        let line = lines.last_mut().expect("a line");
        line.push_str(part);
        line.push_str(comma);
    }
    lines.join("\n")
}
