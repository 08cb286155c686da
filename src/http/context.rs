//! What is known of a request besides its message: its id, where it comes from, who turned out to be behind it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use poem::http::{Method, header};
use poem::{FromRequest, Request, RequestBody, Result};

use super::limits::{Applied, Class, Limiters};
use super::problem::Failure;
use crate::domain::audit::refusals;
use crate::domain::{Origin, Services};
use crate::ids::{SessionId, UserId};

/// The context of one request, shared by everything that works on it.
pub struct Context {
    /// Names the request in the log and in errors.
    pub request_id: String,
    pub services: Arc<Services>,
    pub origin: Origin,
    /// Set once the user is known; for the access log.
    pub user_id: OnceLock<UserId>,
    /// Set with it; for the audit log.
    pub session_id: OnceLock<SessionId>,
    limiters: Arc<Limiters>,
    applied: Mutex<Vec<Applied>>,
}

impl Context {
    pub fn new(
        request_id: String,
        services: Arc<Services>,
        origin: Origin,
        limiters: Arc<Limiters>,
    ) -> Self {
        Self {
            request_id,
            services,
            origin,
            user_id: OnceLock::new(),
            session_id: OnceLock::new(),
            limiters,
            applied: Mutex::new(Vec::new()),
        }
    }

    /// Counts this request against a limit of its client.
    ///
    /// # Errors
    /// [`Failure::RateLimited`].
    pub fn count(&self, class: Class) -> std::result::Result<(), Failure> {
        let Some(applied) = self.limiters.take(class, self.origin.network()) else {
            return Ok(());
        };
        let refused = applied.refused_for();
        if refused.is_some() {
            refusals::limit_exceeded(&self.services, &self.origin, applied.name());
        }
        self.applied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(applied);
        refused.map_or(Ok(()), |retry_after| {
            Err(Failure::RateLimited { retry_after })
        })
    }

    /// Puts on record that the request was refused, where it has to be.
    pub fn note_refusal(&self, failure: &Failure, method: &Method, route: &str) {
        if let Failure::Domain(error) = failure {
            let caller = self.user_id.get().copied();
            let caller = caller.zip(self.session_id.get().copied());
            let operation = format!("{method} {route}");
            refusals::refused(&self.services, &self.origin, caller, error, &operation);
        }
    }

    /// The limits that this request was counted against.
    pub fn applied(&self) -> Vec<Applied> {
        self.applied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The context as an argument of a handler.
pub struct Ctx(pub Arc<Context>);

impl std::ops::Deref for Ctx {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Ctx {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        of(request).map(Self)
    }
}

/// The languages that the client asks for (RFC 9110 §12.5.4).
pub struct AcceptLanguage(Option<String>);

impl AcceptLanguage {
    /// The best of those that we have; `None` when none fits.
    pub fn negotiate(&self, services: &Services) -> Option<String> {
        let language = services.texts.negotiate(self.0.as_deref());
        language.map(str::to_owned)
    }
}

impl<'a> FromRequest<'a> for AcceptLanguage {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let header = request.headers().get(header::ACCEPT_LANGUAGE);
        let header = header.and_then(|header| header.to_str().ok());
        Ok(Self(header.map(str::to_owned)))
    }
}

/// What is wrong with the query of an operation that says so only to who may call it.
#[derive(Clone)]
pub struct QueryFault(pub Failure);

/// Refuses a query that was found wrong.
pub fn check_query(request: &Request) -> std::result::Result<(), Failure> {
    let fault = request.extensions().get::<QueryFault>();
    fault.map_or(Ok(()), |QueryFault(failure)| Err(failure.clone()))
}

/// The context that the front put beside the request.
pub fn of(request: &Request) -> Result<Arc<Context>> {
    request
        .data::<Arc<Context>>()
        .cloned()
        .ok_or_else(|| Failure::defect("a request without context").into())
}
