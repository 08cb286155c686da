//! Breaks that are made on purpose: what `declared.json` says of them, and what is left undeclared.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::kind::Kind;

/// What the entry that is shown has in the place of a reason, and no entry may keep.
const NO_REASON: &str = "why it has to be, and what clients do about it";

/// One break that is made on purpose.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    kind: String,
    place: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<String>,
    /// The reason, and what clients do about it.
    reason: String,
    /// The version that breaks it.
    since: String,
}

impl Entry {
    /// The entry that a break wants, but for its reason.
    pub fn of(change: &Change) -> Self {
        Self {
            kind: change.kind.name().to_owned(),
            place: change.place.clone(),
            was: change.was.clone(),
            is: change.is.clone(),
            reason: NO_REASON.to_owned(),
            since: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn covers(&self, change: &Change) -> bool {
        let what = (change.kind.name(), &change.place, &change.was, &change.is);
        (self.kind.as_str(), &self.place, &self.was, &self.is) == what
    }

    /// Why it can never do what it is there for.
    fn fault(&self) -> Option<String> {
        let fault = match Kind::named(&self.kind) {
            None => "there is no such kind",
            Some(kind) if !kind.breaks() => "this kind breaks nothing",
            _ if self.reason.trim().is_empty() || self.reason == NO_REASON => "it has no reason",
            _ if self.since.trim().is_empty() => "it does not say since when",
            _ => return None,
        };
        Some(format!("{} at {}: {fault}", self.kind, self.place))
    }
}

/// What there is to say of the changes.
#[derive(Debug, Default)]
pub struct Verdict<'c> {
    pub undeclared: Vec<&'c Change>,
    pub declared: Vec<(&'c Change, &'c Entry)>,
    pub compatible: Vec<&'c Change>,
    /// Entries that can never match.
    pub faults: Vec<String>,
    /// Entries that match nothing now: of a release that is out, or of a break that was taken back.
    pub unused: Vec<&'c Entry>,
}

pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    serde_json::from_str(text).map_err(|error| format!("declared.json: {error}"))
}

pub fn judge<'c>(changes: &'c [Change], entries: &'c [Entry]) -> Verdict<'c> {
    let mut verdict = Verdict::default();
    for change in changes {
        let entry = entries.iter().find(|entry| entry.covers(change));
        match entry {
            _ if !change.kind.breaks() => verdict.compatible.push(change),
            Some(entry) => verdict.declared.push((change, entry)),
            None => verdict.undeclared.push(change),
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        if let Some(fault) = entry.fault() {
            verdict.faults.push(fault);
        } else if entries[..index].contains(entry) {
            let Entry { kind, place, .. } = entry;
            verdict
                .faults
                .push(format!("{kind} at {place}: it stands there twice"));
        } else if !changes.iter().any(|change| entry.covers(change)) {
            verdict.unused.push(entry);
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: Kind, was: Option<&str>) -> Change {
        Change {
            kind,
            place: "GET /things".to_owned(),
            was: was.map(str::to_owned),
            is: None,
            operations: Vec::new(),
        }
    }

    #[test]
    fn the_entry_that_is_shown_declares_the_break_once_it_has_a_reason() {
        let changes = [
            change(Kind::OperationRemoved, None),
            change(Kind::OperationAdded, None),
        ];
        let undeclared = judge(&changes, &[]).undeclared;
        let shown = serde_json::to_string(&[Entry::of(undeclared[0])]).expect("JSON");

        let entries = read(&shown).expect("an entry");
        assert_eq!(
            judge(&changes, &entries).faults.len(),
            1,
            "it has no reason yet"
        );

        let entries = read(&shown.replace(NO_REASON, "Nobody used it.")).expect("an entry");
        let verdict = judge(&changes, &entries);
        assert!(verdict.undeclared.is_empty() && verdict.faults.is_empty());
        assert_eq!(verdict.declared[0].0, &changes[0]);
        assert_eq!(verdict.declared[0].1.reason(), "Nobody used it.");
        assert_eq!(verdict.compatible, [&changes[1]]);
    }

    #[test]
    fn another_break_at_the_same_place_is_not_covered() {
        let entry = Entry::of(&change(Kind::RequestValueRemoved, Some("a")));
        let changes = [change(Kind::RequestValueRemoved, Some("a, b"))];
        let entries = [Entry {
            reason: "It was never meant.".to_owned(),
            ..entry
        }];
        let verdict = judge(&changes, &entries);
        assert_eq!(verdict.undeclared, [&changes[0]]);
        assert_eq!(verdict.unused, [&entries[0]]);
    }

    #[test]
    fn entries_that_can_never_match_are_faults() {
        let entry = |kind: &str, reason: &str, since: &str| Entry {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            since: since.to_owned(),
            ..Entry::of(&change(Kind::OperationRemoved, None))
        };
        let entries = [
            entry("operation_vanished", "Because.", "0.1.0"),
            entry("operation_added", "Because.", "0.1.0"),
            entry("operation_removed", " ", "0.1.0"),
            entry("operation_removed", "Because.", ""),
            entry("operation_removed", "Because.", "0.1.0"),
            entry("operation_removed", "Because.", "0.1.0"),
        ];
        let verdict = judge(&[], &entries);
        let faults: Vec<&str> = verdict
            .faults
            .iter()
            .map(|fault| fault.rsplit(": ").next().expect("a fault"))
            .collect();
        let expected = [
            "there is no such kind",
            "this kind breaks nothing",
            "it has no reason",
            "it does not say since when",
            "it stands there twice",
        ];
        assert_eq!(faults, expected);
        assert_eq!(verdict.unused, [&entries[4]]);
        assert!(read(r#"[{"kind": "x", "place": "y", "why": "z"}]"#).is_err());
    }
}
