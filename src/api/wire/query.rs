//! The queries of operations: every parameter is one that the operation has, and comes once. What is wrong with one says
//! what is allowed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use poem::http::Method;
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::__private::UrlQuery;
use poem_openapi::OpenApi;
use poem_openapi::error::ParseParamError;
use poem_openapi::registry::{MetaParamIn, MetaPath, MetaSchema, MetaSchemaRef, Registry};

use crate::api::apis;
use crate::api::operations;
use crate::http::context::QueryFault;
use crate::http::query::{Operation, Parameter, read};
use crate::http::routes;

/// The operations of every path, by the path's [`shape`]. Found out when the first query comes: most requests have none, and
/// it takes the whole specification.
static OPERATIONS: LazyLock<HashMap<String, Vec<Operation>>> = LazyLock::new(|| of_all(&apis()));

/// The queries of the operations of one path.
#[derive(Clone)]
pub struct Queries {
    shape: Arc<str>,
}

fn of_all<Api: OpenApi>(_: &Api) -> HashMap<String, Vec<Operation>> {
    let mut registry = Registry::new();
    Api::register(&mut registry);
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    paths
        .map(|path| (shape(&path.path), operations(path, &registry)))
        .collect()
}

/// A path without the names of its parameters, which the specification and the routes write in different ways.
fn shape(path: &str) -> String {
    let segments = routes::trim(path).split('/').map(|segment| {
        if segment.starts_with([':', '{']) {
            "*"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn operations(path: MetaPath, registry: &Registry) -> Vec<Operation> {
    let operations = path.operations.into_iter().map(|operation| Operation {
        method: operation.method,
        ignores_unknown: operation
            .operation_id
            .and_then(operations::find)
            .is_some_and(|known| known.is_oauth),
        is_public: operation.security.is_empty(),
        parameters: operation
            .params
            .into_iter()
            .filter(|parameter| parameter.in_type == MetaParamIn::Query)
            .map(|parameter| Parameter {
                allowed: allowed(&parameter.name, &parameter.schema, registry),
                name: parameter.name,
            })
            .collect(),
    });
    operations.collect()
}

impl Queries {
    /// Those of a path, as the specification or the routes write it.
    pub fn at(path: &str) -> Self {
        Self {
            shape: shape(path).into(),
        }
    }

    fn operation(&self, method: &Method) -> Option<&'static Operation> {
        let mut operations = OPERATIONS.get(&*self.shape)?.iter();
        operations.find(|operation| operation.method == method)
    }

    /// Calls the operation with its query read.
    pub async fn call<E: Endpoint>(&self, endpoint: &E, mut request: Request) -> Result<Response> {
        let query = match request.uri().query() {
            Some(query) => read(query)?,
            None => Vec::new(),
        };
        let method = request.method().clone();
        if !query.is_empty()
            && let Some(operation) = self.operation(&method)
            && let Err(failure) = operation.check(&query)
        {
            if operation.is_public {
                return Err(failure.into());
            }
            request.extensions_mut().insert(QueryFault(failure));
        }
        request.extensions_mut().insert(UrlQuery(query));
        let answered = endpoint.call(request).await;
        answered.map(IntoResponse::into_response).map_err(|error| {
            let wrong = error.downcast_ref::<ParseParamError>();
            let parameter = wrong.and_then(|wrong| self.operation(&method)?.parameter(wrong.name));
            parameter.map_or(error, |parameter| parameter.refusal().into())
        })
    }
}

/// Which values a parameter takes, as a sentence.
pub(crate) fn allowed(name: &str, schema: &MetaSchemaRef, registry: &Registry) -> String {
    let schema = resolve(schema, registry);
    let values = |schema: &MetaSchema| {
        let values = schema.enum_items.iter();
        let values: Vec<&str> = values.filter_map(|value| value.as_str()).collect();
        values.join(", ")
    };
    match schema {
        // It has a pattern that says nothing to people.
        _ if name == "cursor" => "Send `next_cursor` of the page before as it is.".to_owned(),
        Some(schema) if !schema.enum_items.is_empty() => format!("Allowed: {}.", values(schema)),
        Some(MetaSchema { ty: "boolean", .. }) => "Allowed: true, false.".to_owned(),
        Some(MetaSchema {
            ty: "integer",
            minimum: Some(low),
            maximum: Some(high),
            ..
        }) => {
            format!("Allowed: whole numbers from {low} to {high}.")
        }
        Some(MetaSchema { ty: "integer", .. }) => "Allowed: whole numbers.".to_owned(),
        _ => "This value cannot be used here.".to_owned(),
    }
}

/// The schema behind references. One with a default stands around what it is the default of.
fn resolve<'a>(schema: &'a MetaSchemaRef, registry: &'a Registry) -> Option<&'a MetaSchema> {
    match schema {
        MetaSchemaRef::Reference(name) => registry.schemas.get(name),
        MetaSchemaRef::Inline(schema) => match schema.all_of.first() {
            Some(inner) => resolve(inner, registry),
            None => Some(schema),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_but_free_text_says_what_it_takes() {
        let mut texts = Vec::new();
        for (_, operations) in of_all(&apis()) {
            for operation in &operations {
                for Parameter { name, allowed } in &operation.parameters {
                    assert!(allowed.ends_with('.'), "{name}: {allowed}");
                    texts.push((name.clone(), allowed.clone()));
                }
            }
        }
        for (name, allowed) in [
            ("limit", "Allowed: whole numbers from 1 to 100."),
            ("is_active", "Allowed: true, false."),
            ("scope", "Allowed: current, others, all."),
        ] {
            assert!(
                texts.contains(&(name.to_owned(), allowed.to_owned())),
                "{name}: {texts:?}"
            );
        }
    }

    #[test]
    fn queries_are_decoded_as_forms_are() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read("a=%C3%A9+b&&=x&c&d=1=2").ok(),
            Some(vec![
                pair("a", "é b"),
                pair("", "x"),
                pair("c", ""),
                pair("d", "1=2")
            ])
        );
        assert!(read("a=%ff").is_err());
    }
}
