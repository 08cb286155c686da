//! A change, the place where it stands, and the gathering of what one shared schema brings to many operations.

use std::collections::BTreeMap;

use crate::kind::Kind;

/// One difference between two contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: Kind,
    /// As a person names it: `POST /auth/register request.email`, or `User.email` where several operations share it.
    pub place: String,
    /// What was, where there was something.
    pub was: Option<String>,
    /// What is, where there is something.
    pub is: Option<String>,
    /// The operations that it is seen in; none for what concerns the whole document.
    pub operations: Vec<String>,
}

impl Change {
    /// `kind: was → is`, without the place.
    pub fn told(&self) -> String {
        let told = match (&self.was, &self.is) {
            (Some(was), Some(is)) => format!(": {was} → {is}"),
            (Some(was), None) => format!(": was {was}"),
            (None, Some(is)) => format!(": {is}"),
            (None, None) => String::new(),
        };
        format!("{}{told}", self.kind.name())
    }
}

/// Where the comparison stands.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// `POST /auth/register`; empty for what concerns the whole document.
    operation: String,
    /// The way from the operation: `POST /auth/register request.email`.
    path: String,
    /// The way from the last component that has the same name on both sides: `User.email`.
    schema: Option<String>,
    /// The property that it ends with.
    property: String,
    /// Within the answer of an error status.
    is_error: bool,
}

impl Place {
    pub fn document(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }

    pub fn operation(name: &str) -> Self {
        Self {
            operation: name.to_owned(),
            path: name.to_owned(),
            ..Self::default()
        }
    }

    /// A part of an operation: `query limit`, `request`, `404 response`.
    pub fn part(&self, name: &str) -> Self {
        Self {
            path: format!("{} {name}", self.path),
            ..self.clone()
        }
    }

    /// The answer of an error status.
    pub fn of_error(mut self, is_error: bool) -> Self {
        self.is_error = is_error;
        self
    }

    pub fn property(&self, name: &str) -> Self {
        Self {
            property: name.to_owned(),
            ..self.suffixed(&format!(".{name}"))
        }
    }

    pub fn items(&self) -> Self {
        self.suffixed("[]")
    }

    /// The values of the properties that are not listed.
    pub fn further(&self) -> Self {
        self.suffixed(".*")
    }

    /// At the component of this name.
    pub fn component(&self, name: &str) -> Self {
        Self {
            schema: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// At the name of a component, used by this operation.
    pub fn naming(&self, name: &str) -> Self {
        Self {
            path: format!("component {name}"),
            schema: None,
            ..self.clone()
        }
    }

    /// At no component: what follows belongs to this operation alone.
    pub fn apart(&self) -> Self {
        Self {
            schema: None,
            ..self.clone()
        }
    }

    pub fn is_of_error(&self) -> bool {
        self.is_error
    }

    /// At the code of a problem, of one of its fields (RFC 9457), or of an error of RFC 6749 §5.2.
    pub fn is_problem_code(&self) -> bool {
        self.is_error && is_code(&self.property)
    }

    fn suffixed(&self, suffix: &str) -> Self {
        Self {
            path: format!("{}{suffix}", self.path),
            schema: self.schema.as_ref().map(|name| format!("{name}{suffix}")),
            ..self.clone()
        }
    }
}

/// Whether a property of an error has codes for its values.
pub fn is_code(property: &str) -> bool {
    ["code", "error"].contains(&property)
}

/// A change as it is found, perhaps once for each operation.
#[derive(Clone, Debug)]
pub struct Finding {
    pub kind: Kind,
    pub place: Place,
    pub was: Option<String>,
    pub is: Option<String>,
}

/// What is found once stays where it was found; what a shared component brings to several places is said once, of it.
pub fn gather(findings: Vec<Finding>) -> Vec<Change> {
    let mut groups: BTreeMap<_, Vec<Place>> = BTreeMap::new();
    for Finding {
        kind,
        place,
        was,
        is,
    } in findings
    {
        let name = place.schema.as_ref().unwrap_or(&place.path).clone();
        groups.entry((kind, name, was, is)).or_default().push(place);
    }
    let changes = groups.into_iter().map(|((kind, name, was, is), places)| {
        let place = match &places[..] {
            [only] => only.path.clone(),
            _ => name,
        };
        let mut operations: Vec<String> = places.into_iter().map(|place| place.operation).collect();
        operations.retain(|operation| !operation.is_empty());
        operations.sort();
        operations.dedup();
        Change {
            kind,
            place,
            was,
            is,
            operations,
        }
    });
    changes.collect()
}
