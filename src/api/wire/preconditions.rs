//! Conditional requests (RFC 9110 §13): the headers `If-Match` and `If-None-Match`. A change hands what they say to the
//! domain, which compares in the unit of work of the change; a look is compared here. `If-Modified-Since` and
//! `If-Unmodified-Since` are ignored, as RFC 9110 §13.1.3 says of resources without a date.

use poem::http::{HeaderName, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::answer::Conditional;
use super::entity_tag::{self, Tag, Tags};
use super::objects::User;
use crate::domain::{self, FieldCode, FieldError, Precondition, Revision};
use crate::http::problem::Failure;
use crate::http::result::ResultExt;

/// The preconditions of a change. The specification shows `If-Match`; `If-None-Match` is honoured as well.
pub struct IfMatch(Conditions);

/// The preconditions of a look. The specification shows `If-None-Match`; `If-Match` is honoured as well.
pub struct IfNoneMatch(Conditions);

/// What both headers name.
struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl IfMatch {
    /// What the change asks of the account. There is one by the time it is looked at: `*` names it.
    pub fn precondition(self) -> Precondition {
        let mut precondition = Precondition::default();
        match self.0.if_none_match {
            Some(Tags::Any) => return precondition.any_of(Vec::new()),
            Some(Tags::These(tags)) => {
                precondition = precondition.none_of(named(&tags, Tag::weakly))
            }
            None => (),
        }
        match self.0.if_match {
            Some(Tags::These(tags)) => precondition.any_of(named(&tags, Tag::strongly)),
            Some(Tags::Any) | None => precondition,
        }
    }
}

impl IfNoneMatch {
    /// Shows the account, unless the client has it already.
    pub fn show(self, user: domain::User) -> Result<Conditional<User>> {
        if let Some(Tags::These(tags)) = self.0.if_match {
            let precondition = Precondition::default().any_of(named(&tags, Tag::strongly));
            precondition.check(&user).or_problem()?;
        }
        let revision = user.revision();
        let is_known = match self.0.if_none_match {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => named(&tags, Tag::weakly).contains(&revision),
        };
        Ok(Conditional {
            revision,
            body: (!is_known).then(|| user.into()),
        })
    }
}

fn named(tags: &[Tag], compared: fn(&Tag) -> Option<Revision>) -> Vec<Revision> {
    tags.iter().filter_map(compared).collect()
}

impl Conditions {
    fn of(request: &Request) -> std::result::Result<Self, Failure> {
        Ok(Self {
            if_match: tags(request, header::IF_MATCH, "If-Match")?,
            if_none_match: tags(request, header::IF_NONE_MATCH, "If-None-Match")?,
        })
    }
}

/// What a header names; `None` when the request does not have it.
fn tags(
    request: &Request,
    header: HeaderName,
    name: &str,
) -> std::result::Result<Option<Tags>, Failure> {
    let lines = request.headers().get_all(header);
    if lines.iter().next().is_none() {
        return Ok(None);
    }
    let tags = Tags::parse(lines.iter().map(|line| line.as_bytes()));
    tags.map(Some).ok_or_else(|| Failure::Malformed {
        detail: format!("The header {name} cannot be read."),
        errors: vec![FieldError::new(name,
            FieldCode::InvalidFormat,
            "Send the ETag of an answer as it came, with its quotation marks, a list of such, or *.",
        )],
    })
}

macro_rules! header_parameter {
    ($name:ident) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            type ParamType = ();
            type ParamRawType = ();

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Header)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(entity_tag::schema())
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                Ok(Self(Conditions::of(request)?))
            }
        }
    };
}

header_parameter!(IfMatch);
header_parameter!(IfNoneMatch);
