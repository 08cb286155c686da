//! What a mail says, found out when it is sent: whom it is to reach by now, in which language, and the token or code that it
//! carries. The same at every try.

use super::Allowance;
use super::carried::{Issued, ToCarry, rounded};
use super::draft::Draft;
use crate::domain::authentication::{email_login, user_agents};
use crate::domain::email::links::Page;
use crate::domain::email::{held, purpose};
use crate::domain::{Email, Result};
use crate::ids::{MailId, RegistrationId};
use crate::mail::{Kind, Letter, Values, leads_nowhere};
use crate::store::db::Tx;
use crate::store::held_emails;
use crate::store::one_time_tokens::{self, OneTime};
use crate::store::registrations::{self, Registration};
use crate::store::users::{self, Contact};

/// A letter, and whoever reads it: `None` as long as nobody has an account at its address.
pub(super) struct Addressed {
    pub letter: Letter,
    pub reader: Option<Contact>,
    /// The token that it carries.
    pub issued: Option<Issued>,
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
            let key = &registration.email_key;
            let owner = users::contact_by_email(tx, key).await?;
            if !self.may_reach(tx, key).await? {
                return Ok(None);
            }
            return match owner {
                Some(owner) => Ok(self.account_exists(owner)),
                None => self.confirmation(tx, registration).await,
            };
        }
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let is_wanted = !contact.email_verified && contact.email_key == self.recipient_key();
        if !is_wanted || !self.may_reach(tx, &contact.email_key).await? {
            return Ok(None);
        }
        let carried = ToCarry {
            page: Page::VerifyEmail,
            lifetime: purpose::VERIFY_EMAIL_LIFETIME,
            token: to(&contact),
        };
        self.to_contact(tx, contact, carried).await
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

    async fn confirmation(
        &self,
        tx: &mut Tx<'_>,
        registration: Registration,
    ) -> Result<Option<Addressed>> {
        let carried = ToCarry {
            page: Page::VerifyEmail,
            lifetime: purpose::VERIFY_EMAIL_LIFETIME,
            token: OneTime {
                user_id: None,
                registration_id: Some(registration.id),
                email: Some((registration.email.clone(), registration.email_key)),
                given: None,
            },
        };
        let Some((values, issued)) = self.carry(tx, carried).await? else {
            return Ok(None);
        };
        let values = Values {
            username: Some(registration.username),
            ..values
        };
        Ok(Some(Addressed {
            letter: self.sealed(registration.email, registration.locale, values),
            reader: None,
            issued: Some(issued),
        }))
    }

    async fn password(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let is_for_who_has_none = matches!(self.kind, Kind::SetPassword | Kind::PasswordRemoved);
        if is_for_who_has_none && contact.has_password {
            return Ok(None);
        }
        let carried = ToCarry {
            page: Page::ResetPassword,
            lifetime: match self.kind {
                Kind::SetPassword | Kind::SeveralRegistrations => purpose::SET_PASSWORD_LIFETIME,
                _ => purpose::RESET_PASSWORD_LIFETIME,
            },
            token: to(&contact),
        };
        self.to_contact(tx, contact, carried).await
    }

    async fn change(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        let Ok(new) = Email::parse("email", &self.mail.recipient) else {
            return Ok(None);
        };
        if !self.may_reach(tx, new.key()).await? {
            return Ok(None);
        }
        match users::contact_by_email(tx, new.key()).await? {
            Some(owner) if owner.id != contact.id => return Ok(self.account_exists(owner)),
            _ => (),
        }
        if held::is_held(tx, new.key(), Some(contact.id), self.now).await? {
            return Ok(None);
        }
        let carried = ToCarry {
            page: Page::ConfirmEmailChange,
            lifetime: purpose::CHANGE_EMAIL_LIFETIME,
            token: OneTime {
                user_id: Some(contact.id),
                registration_id: None,
                email: Some((new.as_str().to_owned(), new.key().to_owned())),
                given: None,
            },
        };
        let Some((values, issued)) = self.carry(tx, carried).await? else {
            return Ok(None);
        };
        // Of several addresses asked for the last one counts. A mail that is tried again is not the last one.
        if self.facts.issued_at.is_none() {
            let Issued { hash, purpose } = &issued;
            one_time_tokens::revoke_others(tx, contact.id, purpose, hash).await?;
        }
        let values = Values {
            username: greeted(&contact),
            email: Some(new.as_str().to_owned()),
            ..values
        };
        let to = new.as_str().to_owned();
        // What a server says of the new address says nothing of the one that the user has.
        Ok(Some(Addressed {
            letter: self.sealed(to, contact.locale, values),
            reader: None,
            issued: Some(issued),
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
            valid_for: Some(rounded(valid_for)),
            ..Values::default()
        };
        let letter = self.sealed(contact.email.clone(), contact.locale.clone(), values);
        Ok(Some(Addressed {
            letter,
            reader: Some(contact),
            issued: None,
        }))
    }

    /// To the address of the time at which it happened: whoever did it may have changed that, too.
    async fn notice(&self, tx: &mut Tx<'_>) -> Result<Option<Addressed>> {
        let Some(contact) = self.contact(tx).await? else {
            return Ok(None);
        };
        if !contact.email_verified && !self.may_tell(tx).await? {
            return Ok(None);
        }
        let carried = match self.kind {
            // The address was released: an earlier change was undone, and this one with it.
            Kind::EmailChanged if !self.can_be_undone(tx).await? => None,
            Kind::EmailChanged => Some(ToCarry {
                page: Page::UndoEmailChange,
                lifetime: purpose::UNDO_EMAIL_CHANGE_LIFETIME,
                token: self.at_recipient(&contact),
            }),
            _ => Some(ToCarry {
                page: Page::SecureAccount,
                lifetime: purpose::SECURE_ACCOUNT_LIFETIME,
                token: self.at_recipient(&contact),
            }),
        };
        // What happened is told also when the link is no longer good.
        let carried = match carried {
            Some(carried) => self.carry(tx, carried).await?,
            None => None,
        };
        let (values, issued) = carried.map_or((Values::default(), None), |(values, issued)| {
            (values, Some(issued))
        });
        let values = Values {
            username: greeted(&contact),
            when: Some(self.mail.created_at),
            ip: self.facts.ip.clone(),
            // A mail of an earlier version may have another one.
            device: self
                .facts
                .device
                .clone()
                .filter(|name| user_agents::is_name(name)),
            email: self.facts.email.as_deref().map(masked),
            ..values
        };
        let recipient = self.mail.recipient.clone();
        Ok(Some(Addressed {
            letter: self.sealed(recipient, contact.locale.clone(), values),
            reader: Some(contact),
            issued,
        }))
    }

    /// Whether one more mail that others can cause may go to an address, counted once for all tries of this one. What somebody
    /// asks for by the address alone has been counted by itself.
    async fn may_reach(&self, tx: &mut Tx<'_>, email_key: &str) -> Result<bool> {
        let allowance = Allowance::of_strangers(self.services, email_key);
        Ok(self.facts.is_counted || allowance.take(tx, self.now).await?)
    }

    /// The same of notices to an address that was never proved.
    async fn may_tell(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let allowance =
            Allowance::of_unproved_notices(self.services, self.kind, &self.recipient_key());
        Ok(self.facts.is_counted || allowance.take(tx, self.now).await?)
    }

    /// Whether the change that this notice tells of can still be undone.
    async fn can_be_undone(&self, tx: &mut Tx<'_>) -> Result<bool> {
        Ok(self.facts.can_be_undone && held_emails::is_there(tx, MailId(self.mail.id.0)).await?)
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
            issued: None,
        })
    }

    /// The active user whom the mail is for: the one it names, else the one who has the address. They are locked, so that a
    /// change of the account waits for what this mail carries, or is seen here.
    async fn contact(&self, tx: &mut Tx<'_>) -> Result<Option<Contact>> {
        let contact = match self.mail.user_id {
            Some(id) => users::contact(tx, id).await?,
            None => users::lock_by_email(tx, &self.recipient_key()).await?,
        };
        Ok(contact.filter(|contact| contact.is_active))
    }

    async fn to_contact(
        &self,
        tx: &mut Tx<'_>,
        contact: Contact,
        carried: ToCarry,
    ) -> Result<Option<Addressed>> {
        let Some((values, issued)) = self.carry(tx, carried).await? else {
            return Ok(None);
        };
        let values = Values {
            username: greeted(&contact),
            email: self.facts.email.clone(),
            ..values
        };
        // As the user spells it, not as it was typed: what folds into one may be two for a mail server.
        let letter = self.sealed(contact.email.clone(), contact.locale.clone(), values);
        Ok(Some(Addressed {
            letter,
            reader: Some(contact),
            issued: Some(issued),
        }))
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
            given: None,
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
        given: None,
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
