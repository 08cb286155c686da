//! Who is logged in: the bearer token of a request (RFC 6750 §2.1) becomes an [`Actor`].
//!
//! One extractor stands for two schemes of the specification that carry the same token: `BearerAuth`, to paste one, and
//! `PasswordAuth`, with which Swagger UI logs in by username and password.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{
    MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::domain::authorization::roles;
use crate::domain::{ACCOUNT_SCOPE, Actor, Services, authentication};
use crate::http::context::{self, Context};
use crate::http::problem::Failure;
use crate::http::result::ResultExt;

pub const BEARER: &str = "BearerAuth";
pub const PASSWORD: &str = "PasswordAuth";

/// A logged-in user.
pub struct Caller {
    pub actor: Actor,
    context: Arc<Context>,
}

impl Caller {
    pub fn services(&self) -> &Services {
        &self.context.services
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    async fn authenticate(request: &Request) -> Result<Self> {
        let context = context::of(request)?;
        let token = bearer_token(request).ok_or(Failure::NotAuthenticated)?;
        let actor = authentication::authenticate(&context.services, context.origin.clone(), token)
            .await
            .or_problem()?;
        // Set once a request; a second extractor would find the same user.
        let _ = context.user_id.set(actor.id());
        let _ = context.session_id.set(actor.session_id());
        Ok(Self { actor, context })
    }
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(BEARER, bearer());
        registry.create_security_scheme(PASSWORD, password());
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER, PASSWORD]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let caller = Self::authenticate(request).await?;
        context::check_query(request)?;
        Ok(caller)
    }
}

/// A permission that an operation needs, or the scope of the own account.
pub trait Permission {
    const NAME: &'static str;
}

macro_rules! permissions {
    ($($name:ident = $permission:expr),* $(,)?) => {
        /// Every permission that an operation needs.
        const NEEDED: &[&str] = &[$($permission),*];

        $(
            /// As a type, for [`Permitted`].
            pub struct $name;

            impl Permission for $name {
                const NAME: &'static str = $permission;
            }
        )*
    };
}

permissions! {
    OwnAccount = ACCOUNT_SCOPE,
    UsersRead = roles::USERS_READ,
    UsersWrite = roles::USERS_WRITE,
    RolesWrite = roles::ROLES_WRITE,
    TokensIntrospect = roles::TOKENS_INTROSPECT,
}

/// A logged-in user who has a permission. This is checked before the rest of the request, so that no other user
/// else learns what it should look like.
pub struct Permitted<P>(Caller, PhantomData<P>);

impl<P> Deref for Permitted<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<'a, P: Permission + Send> ApiExtractor<'a> for Permitted<P> {
    const TYPES: &'static [ApiExtractorType] = Caller::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Caller::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Caller::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let caller = Caller::authenticate(request).await?;
        caller.actor.require(P::NAME).or_problem()?;
        context::check_query(request)?;
        Ok(Self(caller, PhantomData))
    }
}

/// The token of the one `Authorization` header.
fn bearer_token(request: &Request) -> Option<&str> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn scheme(ty: &'static str, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

fn bearer() -> MetaSecurityScheme {
    MetaSecurityScheme {
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        ..scheme("http", "An access token from /auth/token.")
    }
}

fn password() -> MetaSecurityScheme {
    let account = MetaOAuthScope {
        name: ACCOUNT_SCOPE,
        description: Some(
            "Your own account and nothing else. Without any scope: everything that you may do.",
        ),
    };
    // Others can be given to roles already; to ask for one as a scope would be of no use.
    let permissions = roles::PERMISSIONS
        .iter()
        .filter(|(name, _)| NEEDED.contains(name))
        .map(|(name, allows)| MetaOAuthScope {
            name,
            description: Some(allows),
        });
    let flow = MetaOAuthFlow {
        authorization_url: None,
        token_url: Some("/auth/token"),
        refresh_url: Some("/auth/token"),
        scopes: std::iter::once(account).chain(permissions).collect(),
    };
    MetaSecurityScheme {
        flows: Some(MetaOAuthFlows {
            implicit: None,
            password: Some(flow),
            client_credentials: None,
            authorization_code: None,
        }),
        ..scheme("oauth2", "Log in with username and password.")
    }
}
