//! What a mail says, found out when it is sent: whom it is to reach by now, in which language, and the token or code that it
//! carries. The same at every try.

use std::time::Duration;

use super::Facts;
use crate::clock::Timestamp;
use crate::domain::links::Page;
use crate::domain::{Email, Result, Services, email_change, email_login, purpose};
use crate::ids::{MailId, RegistrationId};
use crate::mail::{Kind, Letter, Values, leads_nowhere};
use crate::store::db::Tx;
use crate::store::mails::Mail;
use crate::store::one_time_tokens::{self, OneTime};
use crate::store::registrations::{self, Registration};
use crate::store::users::{self, Contact};

/// A mail being made into a letter.
pub(super) struct Draft<'a> {
    pub services: &'a Services,
    pub mail: &'a Mail,
    pub kind: Kind,
    pub facts: Facts,
    pub now: Timestamp,
}

/// A letter, and whoever reads it: `None` as long as nobody has an account at its address.
pub(super) struct Addressed {
    pub letter: Letter,
    pub reader: Option<Contact>,
}

/// A token to put into a letter.
struct Carried {
    page: Page,
    lifetime: Duration,
    token: OneTime,
}

impl Draft<'_> {
    /// `None` when there is nobody to tell, or nothing any more.
    pub async fn addressed(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        match self.kind {
            Kind::VerifyEmail => self.verification(tx).await,
            Kind::PasswordReset
            | Kind::AccountSecured
            | Kind::PasswordRemoved
            | Kind::SeveralRegistrations
            | Kind::SetPassword => self.password(tx).await,
            Kind::EmailChange => self.change(tx).await,
            Kind::LoginCode => self.code(tx).await,
            Kind::EmailChanged | Kind::PasswordChanged | Kind::NewDevice | Kind::SessionsEnded => {
                self.notice(tx).await
            }
            Kind::AccountExists | Kind::Test => Ok(None),
        }
    }

    async fn verification(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        if let Some(registration) = self.registration(tx).await? {
            return match users::contact_by_email(tx, &registration.email_key).await? {
                Some(owner) => Ok(self.account_exists(owner)),
                None => self.confirmation(tx, registration).await.map(Some),
            };
        }
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let is_wanted = !contact.email_verified && contact.email_key == self.recipient_key();
        if !is_wanted {
            return Ok(None);
        }
        let carried = Carried {
            page: Page::VerifyEmail,
            lifetime: purpose::VERIFY_EMAIL_LIFETIME,
            token: to(&contact),
        };
        self.to_contact(tx, contact, carried).await.map(Some)
    }

    /// The registration that waits for the address: the one that the mail is of, or the newest.
    async fn registration(&self, tx: &mut Tx<'_>) -> Result<Option<Registration>> {
        if let Some(id) = self.facts.registration {
            return Ok(registrations::find(tx, RegistrationId(id), self.now).await?);
        }
        if self.mail.user_id.is_some() {
            return Ok(None);
        }
        Ok(registrations::find_by_email(tx, &self.recipient_key(), self.now).await?)
    }

    async fn confirmation(&self, tx: &mut Tx<'_>, registration: Registration) -> Result<Addressed> {
        let carried = Carried {
            page: Page::VerifyEmail,
            lifetime: purpose::VERIFY_EMAIL_LIFETIME,
            token: OneTime {
                user_id: None,
                registration_id: Some(registration.id),
                email: Some((registration.email.clone(), registration.email_key)),
            },
        };
        let values = Values {
            username: Some(registration.username),
            ..self.carry(tx, carried).await?
        };
        Ok(Addressed {
            letter: self.sealed(registration.email, registration.locale, values),
            reader: None,
        })
    }

    async fn password(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let is_for_who_has_none = matches!(self.kind, Kind::SetPassword | Kind::PasswordRemoved);
        if is_for_who_has_none && contact.has_password {
            return Ok(None);
        }
        let carried = Carried {
            page: Page::ResetPassword,
            lifetime: match self.kind {
                Kind::SetPassword | Kind::SeveralRegistrations => purpose::SET_PASSWORD_LIFETIME,
                _ => purpose::RESET_PASSWORD_LIFETIME,
            },
            token: to(&contact),
        };
        self.to_contact(tx, contact, carried).await.map(Some)
    }

    async fn change(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let Ok(new) = Email::parse("email", &self.mail.recipient) else {
            return Ok(None);
        };
        match users::contact_by_email(tx, new.key()).await? {
            Some(owner) if owner.id != contact.id => return Ok(self.account_exists(owner)),
            _ => (),
        }
        if email_change::is_held(tx, new.key(), Some(contact.id), self.now).await? {
            return Ok(None);
        }
        // Of several addresses asked for the last one counts.
        one_time_tokens::delete_of(tx, contact.id, purpose::CHANGE_EMAIL).await?;
        let carried = Carried {
            page: Page::ConfirmEmailChange,
            lifetime: purpose::CHANGE_EMAIL_LIFETIME,
            token: OneTime {
                user_id: Some(contact.id),
                registration_id: None,
                email: Some((new.as_str().to_owned(), new.key().to_owned())),
            },
        };
        let values = Values {
            username: greeted(&contact),
            email: Some(new.as_str().to_owned()),
            ..self.carry(tx, carried).await?
        };
        let to = new.as_str().to_owned();
        // What a server says of the new address says nothing of the one that the user has.
        Ok(Some(Addressed {
            letter: self.sealed(to, contact.locale, values),
            reader: None,
        }))
    }

    async fn code(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let contact = self.contact(tx).await?;
        let is_known = match &contact {
            Some(contact) => self.facts.is_from_device_of(tx, contact.id).await?,
            None => false,
        };
        let whose = contact.as_ref().map(|contact| contact.id);
        let code = email_login::store_code(
            self.services,
            tx,
            MailId(self.mail.id.0),
            whose,
            is_known,
            self.now,
        )
        .await?;
        let (Some(contact), Some((code, valid_for))) = (contact, code) else {
            return Ok(None);
        };
        let values = Values {
            username: greeted(&contact),
            code: Some(code.to_string()),
            valid_for: Some(valid_for),
            ..Values::default()
        };
        let letter = self.sealed(contact.email.clone(), contact.locale.clone(), values);
        Ok(Some(Addressed {
            letter,
            reader: Some(contact),
        }))
    }

    /// To the address of the time at which it happened: whoever did it may have changed that, too.
    async fn notice(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let carried = match (self.kind, self.facts.can_be_undone) {
            (Kind::EmailChanged, false) => None,
            (Kind::EmailChanged, true) => Some(Carried {
                page: Page::UndoEmailChange,
                lifetime: purpose::UNDO_EMAIL_CHANGE_LIFETIME,
                token: self.at_recipient(&contact),
            }),
            _ => Some(Carried {
                page: Page::SecureAccount,
                lifetime: purpose::SECURE_ACCOUNT_LIFETIME,
                token: self.at_recipient(&contact),
            }),
        };
        let values = match carried {
            Some(carried) => self.carry(tx, carried).await?,
            None => Values::default(),
        };
        let values = Values {
            username: greeted(&contact),
            when: Some(self.mail.created_at),
            ip: self.facts.ip.clone(),
            device: self.facts.device.clone(),
            email: self.facts.email.as_deref().map(masked),
            ..values
        };
        let recipient = self.mail.recipient.clone();
        Ok(Some(Addressed {
            letter: self.sealed(recipient, contact.locale.clone(), values),
            reader: Some(contact),
        }))
    }

    /// To the owner of an address that somebody else, or he himself, wanted to use.
    fn account_exists(&self, owner: Contact) -> Option<Addressed> {
        if !owner.is_active {
            return None;
        }
        let values = Values {
            username: greeted(&owner),
            ..Values::default()
        };
        let letter = Letter {
            kind: Kind::AccountExists,
            ..self.sealed(owner.email.clone(), owner.locale.clone(), values)
        };
        Some(Addressed {
            letter,
            reader: Some(owner),
        })
    }

    /// The active user whom the mail is for: the one it names, else the one who has the address.
    async fn contact(&self, tx: &mut Tx<'_>) -> Result<Option<Contact>> {
        let contact = match self.mail.user_id {
            Some(id) => users::contact(tx, id).await?,
            None => users::contact_by_email(tx, &self.recipient_key()).await?,
        };
        Ok(contact.filter(|contact| contact.is_active))
    }

    async fn to_contact(
        &self,
        tx: &mut Tx<'_>,
        contact: Contact,
        carried: Carried,
    ) -> Result<Addressed> {
        let values = Values {
            username: greeted(&contact),
            email: self.facts.email.clone(),
            ..self.carry(tx, carried).await?
        };
        // As the user spells it, not as it was typed: what folds into one may be two for a mail server.
        let letter = self.sealed(contact.email.clone(), contact.locale.clone(), values);
        Ok(Addressed {
            letter,
            reader: Some(contact),
        })
    }

    /// Stores the token of this mail and links to it. Its life begins now.
    async fn carry(&self, tx: &mut Tx<'_>, carried: Carried) -> Result<Values> {
        let purpose = purpose::of(carried.page);
        let token = self.services.mailed.token(self.mail.id, purpose);
        let expires_at = self.now.plus(carried.lifetime);
        one_time_tokens::put(tx, &token.hash(), purpose, &carried.token, expires_at).await?;
        Ok(Values {
            link: Some(self.services.links.to(carried.page, &token).to_string()),
            valid_for: Some(carried.lifetime),
            ..Values::default()
        })
    }

    fn sealed(&self, to: String, language: Option<String>, values: Values) -> Letter {
        Letter {
            id: self.mail.id.0,
            kind: self.kind,
            language,
            to,
            at: self.mail.created_at,
            values,
        }
    }

    fn at_recipient(&self, contact: &Contact) -> OneTime {
        OneTime {
            user_id: Some(contact.id),
            registration_id: None,
            email: Some((self.mail.recipient.clone(), self.recipient_key())),
        }
    }

    fn recipient_key(&self) -> String {
        Email::parse("email", &self.mail.recipient)
            .map_or_else(|_| String::new(), |email| email.key().to_owned())
    }
}

fn to(contact: &Contact) -> OneTime {
    OneTime {
        user_id: Some(contact.id),
        registration_id: None,
        email: Some((contact.email.clone(), contact.email_key.clone())),
    }
}

/// The name to greet somebody with. Whoever registers a stranger's address chooses the name with which that stranger is greeted,
/// and mail programs make links of names such as `example.com`: it must not be able to lead anywhere.
fn greeted(contact: &Contact) -> Option<String> {
    (contact.email_verified || leads_nowhere(&contact.username)).then(|| contact.username.clone())
}

/// Enough of an address for whoever knows it: `a…@example.com`.
fn masked(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}…@{domain}")
        }
        None => "…".to_owned(),
    }
}
