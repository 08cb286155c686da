//! The tag `service`: whether it runs.

use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;

use super::operation::{Operation, Tag};
use super::wire::answer::Json;
use super::wire::fields::{Count, Nullable, Seconds};
use crate::domain::readiness;
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::result::{Result, ResultExt};

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        is_probe: true,
        success: "The process runs.",
        ..Operation::at("getHealth", "/healthz")
    },
    Operation {
        is_probe: true,
        success: "Requests can be served.",
        failures: &[Code::Overloaded, Code::Unavailable],
        ..Operation::at("getReadiness", "/readyz")
    },
];

/// The process runs.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct Health {
    status: HealthStatus,
}

/// Always `ok`.
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    #[default]
    Ok,
}

/// Requests can be served.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct Readiness {
    status: ReadinessStatus,
    checks: Checks,
}

/// Always `ready`. If the service is not ready, the answer is 503.
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum ReadinessStatus {
    #[default]
    Ready,
}

/// What was checked.
#[derive(Debug, Default, Object, Serialize)]
#[oai(read_only_all)]
struct Checks {
    database: DatabaseCheck,
    mail: MailCheck,
}

/// Mail that waits to be sent. It does not affect readiness.
#[derive(Debug, Default, Object, Serialize)]
#[oai(read_only_all)]
struct MailCheck {
    /// Age of the oldest waiting mail. `null` if none has waited for 5 seconds or more.
    oldest_waiting_seconds: Nullable<Seconds>,
    /// Mails of the last 7 days that could not be delivered, counted up to 1000. The log has the reasons.
    given_up: Count,
}

/// Always `ok`: the database takes writes and has the schema that this version needs.
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum DatabaseCheck {
    #[default]
    Ok,
}

pub struct ServiceApi;

#[OpenApi(tag = "Tag::Service")]
impl ServiceApi {
    /// Check that the process runs
    ///
    /// Checks nothing else. `GET /readyz` also checks the database.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Json<Health> {
        Json(Health {
            status: HealthStatus::Ok,
        })
    }

    /// Check that requests can be served
    ///
    /// Checks at most once a second whether the database takes writes and has the schema that this version needs. The answer
    /// also reports waiting mail.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readiness(&self, ctx: Ctx) -> Result<Json<Readiness>> {
        let waiting = readiness::check(&ctx.services).await.or_problem()?;
        Ok(Json(Readiness {
            status: ReadinessStatus::Ready,
            checks: Checks {
                database: DatabaseCheck::Ok,
                mail: MailCheck {
                    oldest_waiting_seconds: Nullable(waiting.oldest_age.map(Seconds::of)),
                    given_up: Count(waiting.given_up),
                },
            },
        }))
    }
}
