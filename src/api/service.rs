//! The tag `service`: whether it runs.

use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::answer::Json;
use super::code::Code;
use super::context::Ctx;
use super::result::{Result, ResultExt};
use super::spec::{Failures, Tag};
use crate::domain::readiness;

/// What the operations answer besides success and what every operation may answer.
pub const FAILURES: Failures = &[("getHealth", &[]), ("getReadiness", &[Code::Unavailable])];

/// That the process runs.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct Health {
    /// Always `ok`.
    status: String,
}

/// That requests can be served.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct Readiness {
    /// Always `ready`: otherwise the answer is 503.
    status: String,
    checks: Checks,
}

/// What was looked at.
#[derive(Debug, Default, Object, Serialize)]
#[oai(read_only_all)]
struct Checks {
    /// The database answers and its schema is the one that is needed.
    database: String,
}

pub struct ServiceApi;

#[OpenApi(tag = "Tag::Service")]
impl ServiceApi {
    /// Whether the process runs
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Json<Health> {
        Json(Health {
            status: "ok".to_owned(),
        })
    }

    /// Whether requests can be served
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readiness(&self, ctx: Ctx) -> Result<Json<Readiness>> {
        readiness::check(&ctx.services).await.or_problem()?;
        Ok(Json(Readiness {
            status: "ready".to_owned(),
            checks: Checks {
                database: "ok".to_owned(),
            },
        }))
    }
}
