//! Successful answers: a JSON body, a created resource, nothing.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// The media type of every JSON body (RFC 8259 §11: it has no parameters).
pub const JSON: &str = "application/json";

/// 200 with a body.
pub struct Json<T>(pub T);

/// 201 with a body and the place of what was created.
pub struct Created<T> {
    pub location: String,
    pub body: T,
}

/// 200 without a body.
pub struct Empty;

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

impl IntoResponse for Empty {
    fn into_response(self) -> Response {
        StatusCode::OK.into_response()
    }
}

impl ApiResponse for Empty {
    fn meta() -> MetaResponses {
        described(
            200,
            "Done; there is nothing to say.",
            Vec::new(),
            Vec::new(),
        )
    }

    fn register(_registry: &mut Registry) {}
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
        let location = MetaHeader {
            name: "Location".to_owned(),
            description: Some("Path of what was created.".to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        described(201, "Created.", content::<T>(), vec![location])
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
