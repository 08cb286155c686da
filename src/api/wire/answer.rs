//! Successful answers: a JSON body, a created or changed resource, nothing; with an entity tag where clients may ask by it.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde::Serialize;

use super::entity_tag::{self, entity_tag};
use crate::domain::Revision;
use crate::http::media_types::JSON;

/// 200 with a body.
pub struct Json<T>(pub T);

/// 201 with a body and the place of what was created.
pub struct Created<T> {
    pub location: String,
    pub body: T,
}

/// 200 with the whole of what was changed, and its place (RFC 9110 §8.7): the body, and the entity tag with it, is about what
/// stands there now, not about what was sent.
pub struct Changed<T> {
    pub location: String,
    pub body: T,
}

/// An answer whose body shows an account in this revision.
pub struct Tagged<A> {
    pub revision: Revision,
    pub answer: A,
}

/// 200 with a body, or 304 without one for a client that has it already.
pub struct Conditional<T> {
    pub revision: Revision,
    pub body: Option<T>,
}

/// 202 with a body: it is begun.
pub struct Accepted<T>(pub T);

/// One of two answers with different statuses.
pub enum Either<A, B> {
    This(A),
    That(B),
}

/// 204.
pub struct NoContent;

/// A JSON answer with any status.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => Response::builder()
            .status(status)
            .content_type(JSON)
            .body(bytes),
        // Serialising our own types fails only for maps with keys that are no strings: there are none.
        Err(_) => Response::builder()
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .finish(),
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::CREATED, &self.body);
        if let Ok(location) = self.location.parse() {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<T: Serialize + Send> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        json(StatusCode::ACCEPTED, &self.0)
    }
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for Either<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::This(answer) => answer.into_response(),
            Self::That(answer) => answer.into_response(),
        }
    }
}

impl<T: Serialize + Send> IntoResponse for Changed<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::OK, &self.body);
        if let Ok(location) = self.location.parse() {
            response
                .headers_mut()
                .insert(header::CONTENT_LOCATION, location);
        }
        response
    }
}

impl<A: IntoResponse> IntoResponse for Tagged<A> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if let Some(tag) = entity_tag(self.revision) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Serialize + Send> IntoResponse for Conditional<T> {
    fn into_response(self) -> Response {
        let answer = match self.body {
            Some(body) => json(StatusCode::OK, &body),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let revision = self.revision;
        Tagged { revision, answer }.into_response()
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

fn described(
    status: u16,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<MetaHeader>,
) -> MetaResponses {
    MetaResponses {
        responses: vec![MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers,
        }],
    }
}

fn described_header(name: &str, description: &str, schema: MetaSchemaRef) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema,
    }
}

fn etag_header() -> MetaHeader {
    described_header(
        "ETag",
        "Names what the body shows (RFC 9110 §8.8.3): it changes with every change of the account, and with nothing else.",
        entity_tag::schema(),
    )
}

fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType {
        content_type: JSON,
        schema: T::schema_ref(),
    }]
}

impl<T: Type + Serialize> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        described(200, "Done.", content::<T>(), Vec::new())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + Serialize> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let location = described_header(
            "Location",
            "Path of what was created.",
            String::schema_ref(),
        );
        described(201, "Created.", content::<T>(), vec![location])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + Serialize> ApiResponse for Accepted<T> {
    fn meta() -> MetaResponses {
        described(202, "Begun.", content::<T>(), Vec::new())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<A: ApiResponse, B: ApiResponse> ApiResponse for Either<A, B> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        meta.responses.extend(B::meta().responses);
        meta
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
        B::register(registry);
    }
}

impl<T: Type + Serialize> ApiResponse for Changed<T> {
    fn meta() -> MetaResponses {
        let location = described_header(
            "Content-Location",
            "Path of what the body shows.",
            String::schema_ref(),
        );
        described(200, "Done.", content::<T>(), vec![location])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<A: ApiResponse> ApiResponse for Tagged<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            response.headers.push(etag_header());
        }
        meta
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<T: Type + Serialize> ApiResponse for Conditional<T> {
    fn meta() -> MetaResponses {
        let mut meta = Tagged::<Json<T>>::meta();
        let not_modified = "It is what `If-None-Match` names.";
        let not_modified = described(304, not_modified, Vec::new(), vec![etag_header()]);
        meta.responses.extend(not_modified.responses);
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        described(
            204,
            "Done; there is nothing to say.",
            Vec::new(),
            Vec::new(),
        )
    }

    fn register(_registry: &mut Registry) {}
}
