//! The pages that links of mails lead to, for applications that have none of their own. They work without any script.
//! Opening one changes nothing, for scanners of mail open every link: what is to be done is done by the button.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::config::Secret;
use crate::domain::account::account_security;
use crate::domain::authentication::password_reset;
use crate::domain::email::links::Page;
use crate::domain::email::{email_change, email_verification, one_time};
use crate::domain::{Error, FieldCode, FieldError, Password, Services};
use crate::http::context::{self, Context};
use crate::http::problem::Failure;
use crate::http::routes::{Handling, Route};
use crate::http::upload;
use crate::text::{TextError, Texts};

/// Every page there is.
const PAGES: [Page; 5] = [
    Page::VerifyEmail,
    Page::ResetPassword,
    Page::ConfirmEmailChange,
    Page::UndoEmailChange,
    Page::SecureAccount,
];

/// The pages, in the colours of the application.
struct Pages {
    style: String,
    policy: HeaderValue,
}

/// What a page shows.
#[derive(Serialize)]
struct Shown<'a> {
    language: &'a str,
    direction: String,
    style: &'a str,
    title: String,
    paragraphs: Vec<String>,
    problem: Option<String>,
    form: Option<Form<'a>>,
}

#[derive(Serialize)]
struct Form<'a> {
    token: &'a str,
    action: String,
    password: Option<PasswordField>,
}

#[derive(Serialize)]
struct PasswordField {
    label: String,
    hint: String,
    /// For password managers.
    username: String,
}

#[derive(Serialize)]
struct Names<'a> {
    username: &'a str,
}

impl Pages {
    /// # Errors
    /// When the style cannot be rendered.
    fn new(texts: &Texts) -> Result<Self, TextError> {
        let style = texts.layout("page.css", BTreeMap::<&str, &str>::new())?;
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy)
            .map_err(|error| TextError::Render(format!("page.css: {error}")))?;
        Ok(Self { style, policy })
    }

    async fn answer(
        &self,
        request: &mut Request,
        page: Page,
        context: &Context,
    ) -> Result<Response, Failure> {
        let services = &context.services;
        let accepted = request.headers().get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|languages| languages.to_str().ok());
        let language = services.texts.negotiate(accepted).unwrap_or_default();
        let language = services.texts.language(Some(language)).to_owned();
        let view = View {
            pages: self,
            services,
            page,
            language: &language,
        };
        let rendered = if request.method() == Method::POST {
            upload::check_coding(request.headers())?;
            let body = Zeroizing::new(upload::read(request).await?.to_vec());
            view.act(&body, context).await
        } else {
            view.show(request.uri().query().unwrap_or_default()).await
        };
        match rendered {
            Ok((status, html)) => Ok(self.response(status, &language, html)),
            Err(error) => Err(Failure::defect(&format!(
                "a page cannot be rendered: {error}"
            ))),
        }
    }

    fn response(&self, status: StatusCode, language: &str, html: String) -> Response {
        let mut response = Response::builder()
            .status(status)
            .content_type("text/html; charset=utf-8")
            .body(html);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        if let Ok(language) = HeaderValue::from_str(language) {
            headers.insert(header::CONTENT_LANGUAGE, language);
        }
        response
    }
}

/// The pages by their paths. The form of a page is sent to it by POST.
///
/// # Errors
/// When they cannot be rendered.
pub fn routes(texts: &Texts) -> Result<Vec<Route>, TextError> {
    let pages = Arc::new(Pages::new(texts)?);
    let routes = PAGES.map(|page| {
        let pages = pages.clone();
        let endpoint = OnePage { pages, page };
        let methods = [Method::GET, Method::POST];
        Route::new(page.path(), methods, Handling::default(), endpoint)
    });
    Ok(routes.into())
}

struct OnePage {
    pages: Arc<Pages>,
    page: Page,
}

impl Endpoint for OnePage {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let context = context::of(&request)?;
        let answered = self.pages.answer(&mut request, self.page, &context).await;
        Ok(answered?)
    }
}

type Rendered = Result<(StatusCode, String), TextError>;

/// One page for one request.
struct View<'a> {
    pages: &'a Pages,
    services: &'a Services,
    page: Page,
    language: &'a str,
}

impl View<'_> {
    /// The page with its button, or that the link is of no use any more.
    async fn show(&self, query: &str) -> Rendered {
        let token = field(query.as_bytes(), "token").unwrap_or_default();
        self.form(StatusCode::OK, &token, None).await
    }

    /// Does what the button is for.
    async fn act(&self, body: &[u8], context: &Context) -> Rendered {
        let token = field(body, "token").unwrap_or_default();
        let done = match self.page {
            Page::ResetPassword => {
                let set = self.set_password(&token, body, context).await;
                set.map(|table| (table, "done_text"))
            }
            _ => self.press(&token, context).await,
        };
        match done {
            Ok((table, text)) => self.page(
                StatusCode::OK,
                &self.text(table, "done_title")?,
                vec![self.text(table, text)?],
            ),
            Err(Error::InvalidToken) => self.invalid_link(),
            Err(Error::Invalid(invalid)) => {
                let problem = invalid.0.first().map(|error| (error.code, &error.message));
                let problem = problem.map(|(code, message)| self.password_problem(code, message));
                self.form(StatusCode::UNPROCESSABLE_ENTITY, &token, problem)
                    .await
            }
            Err(error) => self.failed(&error, context),
        }
    }

    /// What a button does that stands alone. Gives the texts' table, and the key of the one that says what was done.
    async fn press(
        &self,
        token: &str,
        context: &Context,
    ) -> Result<(&'static str, &'static str), Error> {
        let (services, origin) = (self.services, &context.origin);
        match self.page {
            Page::VerifyEmail => email_verification::verify(services, origin, token).await?,
            Page::ConfirmEmailChange => email_change::confirm(services, origin, token).await?,
            Page::UndoEmailChange => email_change::undo(services, origin, token).await?,
            Page::SecureAccount => account_security::secure(services, origin, token).await?,
            Page::ResetPassword => (),
        }
        Ok((self.table(true), "done_text"))
    }

    /// Sets the password that was typed. Gives the texts' table.
    async fn set_password(
        &self,
        token: &str,
        body: &[u8],
        context: &Context,
    ) -> Result<&'static str, Error> {
        let holder = one_time::holder(self.services, self.page, token).await?;
        let typed = field(body, "new_password").unwrap_or_default();
        if typed.is_empty() {
            let error =
                FieldError::new("new_password", FieldCode::Required, "Type a new password.");
            return Err(error.into());
        }
        let new = Password::parse("new_password", Secret::new(typed.as_str()))?;
        password_reset::reset(self.services, &context.origin, token, new).await?;
        Ok(self.table(holder.has_password))
    }

    async fn form(&self, status: StatusCode, token: &str, problem: Option<String>) -> Rendered {
        let holder = match one_time::holder(self.services, self.page, token).await {
            Ok(holder) => holder,
            Err(Error::InvalidToken) => return self.invalid_link(),
            Err(error) => {
                tracing::error!(error = %error, "a page cannot be shown");
                return self.page(
                    StatusCode::SERVICE_UNAVAILABLE,
                    &self.common("failed.title")?,
                    vec![self.common("failed.text")?],
                );
            }
        };
        let table = self.table(holder.has_password);
        let names = Names {
            username: &holder.username,
        };
        let paragraph = self
            .texts()
            .text(self.language, &format!("pages.{table}.text"), &names)?;
        let password = match self.page {
            Page::ResetPassword => Some(PasswordField {
                label: self.text(table, "label")?,
                hint: self.text(table, "hint")?,
                username: holder.username.clone(),
            }),
            _ => None,
        };
        let form = Form {
            token,
            action: self.text(table, "action")?,
            password,
        };
        let shown = Shown {
            paragraphs: vec![paragraph],
            problem,
            form: Some(form),
            ..self.shown(&self.text(table, "title")?)?
        };
        Ok((status, self.texts().layout("page.html", shown)?))
    }

    fn invalid_link(&self) -> Rendered {
        let text = match self.page {
            // These are not requested.
            Page::UndoEmailChange | Page::SecureAccount => "invalid_link.text_of_notice",
            _ => "invalid_link.text",
        };
        self.page(
            StatusCode::BAD_REQUEST,
            &self.common("invalid_link.title")?,
            vec![self.common(text)?],
        )
    }

    fn failed(&self, error: &Error, context: &Context) -> Rendered {
        let (status, text) = match error {
            Error::UsernameTaken => (StatusCode::CONFLICT, "failed.username_taken"),
            Error::EmailTaken => (StatusCode::CONFLICT, "failed.email_taken"),
            Error::Internal(message) => {
                tracing::error!(request.id = %context.request_id, error = message, "request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "failed.text")
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, "failed.text"),
        };
        self.page(
            status,
            &self.common("failed.title")?,
            vec![self.common(text)?],
        )
    }

    fn page(&self, status: StatusCode, title: &str, paragraphs: Vec<String>) -> Rendered {
        let shown = Shown {
            paragraphs,
            ..self.shown(title)?
        };
        Ok((status, self.texts().layout("page.html", shown)?))
    }

    fn shown(&self, title: &str) -> Result<Shown<'_>, TextError> {
        let none = BTreeMap::<&str, &str>::new();
        Ok(Shown {
            language: self.language,
            direction: self
                .texts()
                .text(self.language, "language.direction", none)?,
            style: &self.pages.style,
            title: title.to_owned(),
            paragraphs: Vec::new(),
            problem: None,
            form: None,
        })
    }

    /// What is wrong with a password, in the reader's language; in English as the API says it.
    fn password_problem(&self, code: FieldCode, message: &str) -> String {
        let own = self.common(&format!("password_problem.{}", code.as_str()));
        match own {
            Ok(own) if !(code == FieldCode::TooWeak && self.language == "en") => own,
            _ => message.to_owned(),
        }
    }

    fn text(&self, table: &str, key: &str) -> Result<String, TextError> {
        self.common(&format!("{table}.{key}"))
    }

    fn common(&self, key: &str) -> Result<String, TextError> {
        let none = BTreeMap::<&str, &str>::new();
        self.texts()
            .text(self.language, &format!("pages.{key}"), none)
    }

    /// The table of this page's texts. A first password is no new one.
    fn table(&self, has_password: bool) -> &'static str {
        match self.page {
            Page::VerifyEmail => "verify_email",
            Page::ResetPassword if has_password => "reset_password",
            Page::ResetPassword => "set_password",
            Page::ConfirmEmailChange => "confirm_email_change",
            Page::UndoEmailChange => "undo_email_change",
            Page::SecureAccount => "secure_account",
        }
    }

    fn texts(&self) -> &Texts {
        &self.services.texts
    }
}

/// The one field of this name in a form or query. Of two, neither is taken: others on the way may have read the other one.
fn field(form: &[u8], name: &str) -> Option<Zeroizing<String>> {
    let mut fields = form_urlencoded::parse(form).filter(|(found, _)| found == name);
    let (_, value) = fields.next()?;
    let is_alone = fields.next().is_none();
    is_alone.then(|| Zeroizing::new(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_are_not_taken() {
        let text = |form: &str| field(form.as_bytes(), "token").map(|value| value.to_string());
        assert_eq!(text("a=1&token=x%20y").as_deref(), Some("x y"));
        assert_eq!(text("token=").as_deref(), Some(""));
        for form in ["", "a=1", "token=x&token=x", "token=x&tok%65n="] {
            assert_eq!(text(form), None, "{form}");
        }
    }
}
