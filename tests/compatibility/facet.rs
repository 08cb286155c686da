//! What may change about a value, and what that is called in a request and in an answer. What is narrower breaks who sends,
//! what is wider breaks who receives.

use crate::kind::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client sends it.
    Request,
    /// The client receives it.
    Response,
}

/// How what is valid now relates to what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// A part of it.
    Narrowed,
    /// All of it and more.
    Widened,
    /// Neither, or nobody can tell.
    Changed,
}

/// The kinds of one facet, by direction and sense.
pub struct Facet {
    request_narrowed: Kind,
    request_widened: Kind,
    response_narrowed: Kind,
    response_widened: Kind,
}

impl Facet {
    pub fn kind(&self, direction: Direction, sense: Sense) -> Kind {
        match (direction, sense) {
            (Direction::Request, Sense::Narrowed | Sense::Changed) => self.request_narrowed,
            (Direction::Request, Sense::Widened) => self.request_widened,
            (Direction::Response, Sense::Widened | Sense::Changed) => self.response_widened,
            (Direction::Response, Sense::Narrowed) => self.response_narrowed,
        }
    }
}

pub const TYPE: Facet = Facet {
    request_narrowed: Kind::RequestTypeNarrowed,
    request_widened: Kind::RequestTypeWidened,
    response_narrowed: Kind::ResponseTypeNarrowed,
    response_widened: Kind::ResponseTypeWidened,
};

pub const NULL: Facet = Facet {
    request_narrowed: Kind::RequestNullRefused,
    request_widened: Kind::RequestNullAccepted,
    response_narrowed: Kind::ResponseNullExcluded,
    response_widened: Kind::ResponseNullPossible,
};

pub const VALUES: Facet = Facet {
    request_narrowed: Kind::RequestValueRemoved,
    request_widened: Kind::RequestValueAdded,
    response_narrowed: Kind::ResponseValueRemoved,
    response_widened: Kind::ResponseValueAdded,
};

/// Clients do not list the codes of errors: they expect new ones.
pub const PROBLEM_CODES: Facet = Facet {
    request_narrowed: Kind::RequestValueRemoved,
    request_widened: Kind::RequestValueAdded,
    response_narrowed: Kind::ProblemCodeRemoved,
    response_widened: Kind::ProblemCodeAdded,
};

pub const BOUND: Facet = Facet {
    request_narrowed: Kind::RequestBoundTightened,
    request_widened: Kind::RequestBoundLoosened,
    response_narrowed: Kind::ResponseBoundTightened,
    response_widened: Kind::ResponseBoundLoosened,
};

pub const PATTERN: Facet = Facet {
    request_narrowed: Kind::RequestPatternNarrowed,
    request_widened: Kind::RequestPatternRemoved,
    response_narrowed: Kind::ResponsePatternAdded,
    response_widened: Kind::ResponsePatternWidened,
};

pub const FORMAT: Facet = Facet {
    request_narrowed: Kind::RequestFormatNarrowed,
    request_widened: Kind::RequestFormatWidened,
    response_narrowed: Kind::ResponseFormatNarrowed,
    response_widened: Kind::ResponseFormatWidened,
};

pub const OBJECT: Facet = Facet {
    request_narrowed: Kind::RequestObjectClosed,
    request_widened: Kind::RequestObjectOpened,
    response_narrowed: Kind::ResponseObjectClosed,
    response_widened: Kind::ResponseObjectOpened,
};

pub const ALTERNATIVES: Facet = Facet {
    request_narrowed: Kind::RequestAlternativeRemoved,
    request_widened: Kind::RequestAlternativeAdded,
    response_narrowed: Kind::ResponseAlternativeRemoved,
    response_widened: Kind::ResponseAlternativeAdded,
};
