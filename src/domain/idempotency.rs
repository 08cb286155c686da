//! Requests that are carried out once however often they arrive: the client names one by a key of its own, and when it comes
//! again, it is answered as the first time (draft-ietf-httpapi-idempotency-key-header-07). Knows no HTTP: an answer is bytes
//! that whoever asks has made and can read.
//!
//! The answer is stored by the unit of work that makes the change, and the key is taken before anything else in it. So both
//! are there or neither is, and of two at one moment the second waits for the first, fails, and finds its answer.
//!
//! A refusal is not kept: it has changed nothing, and a client that corrects the request may keep the key.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Error, Origin, Result, Services};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::ids::{Ids, UserId};
use crate::password::ClientKey;
use crate::store::db::Tx;
use crate::store::idempotency;
use crate::token::Envelope;

/// How long an answer is kept.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// When to retry after another request had the key and failed. An immediate retry would work, too.
const LOST_RETRY: Duration = Duration::from_secs(1);

/// A key that a client has made up: 1 to 255 visible ASCII characters. A good one is random, a UUID for example: without it
/// nothing of what is kept can be read.
#[derive(Debug, Clone)]
pub struct Key(Secret);

impl Key {
    pub const MAX_CHARS: usize = 255;

    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then(|| Self(Secret::new(text)))
    }

    /// The text itself. Name every use of it.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// Whose key it is. What one client has made up may be what another has made up, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    User(UserId),
    /// Of who is not logged in only the network is known.
    Network(ClientKey),
}

impl Asking {
    /// As part of the name under which an answer is kept. No two are alike.
    fn as_bytes(self) -> Vec<u8> {
        match self {
            Self::User(id) => id.0.as_bytes().to_vec(),
            Self::Network(ClientKey(network)) => [b"n", &network.to_be_bytes()[..]].concat(),
        }
    }
}

impl From<UserId> for Asking {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<&Origin> for Asking {
    fn from(origin: &Origin) -> Self {
        Self::Network(origin.network())
    }
}

/// A request, as the client means it.
pub struct Request {
    /// Keys of different operations have nothing to do with each other,
    pub operation: String,
    /// nor have those of different callers.
    pub caller: Asking,
    pub key: Key,
    /// All that is asked for. It is compared byte by byte: what is sent again is the same bytes.
    pub content: Zeroizing<Vec<u8>>,
}

/// A request that makes a `T` and is to be carried out once. Cheap to clone.
pub struct Once<T>(Arc<Inner<T>>);

struct Inner<T> {
    envelope: Envelope,
    /// An answer from before SECRET_KEY was replaced is in this one.
    previous: Option<Envelope>,
    answer: Box<dyn Fn(T) -> Result<Vec<u8>> + Send + Sync>,
    ids: Ids,
}

/// What became of a request.
#[derive(Debug)]
pub enum Done<T> {
    /// It was carried out now.
    Now(T),
    /// It was carried out before: the answer of that time.
    Before(Vec<u8>),
}

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Once<T> {
    /// `answer` makes of what was made what is kept and given out again.
    pub fn new(
        services: &Services,
        request: &Request,
        answer: impl Fn(T) -> Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let caller = request.caller.as_bytes();
        let name = [
            request.operation.as_bytes(),
            &caller,
            request.key.reveal().as_bytes(),
        ];
        let (envelope, previous) = services.idempotency.of(&name, &request.content);
        Self(Arc::new(Inner {
            envelope,
            previous,
            answer: Box::new(answer),
            ids: services.ids.clone(),
        }))
    }

    /// The answer of an earlier time, if there was one.
    async fn find(&self, services: &Services) -> Result<Option<Vec<u8>>> {
        let now = services.now();
        let mut tx = services.db.read().await?;
        for envelope in std::iter::once(&self.0.envelope).chain(&self.0.previous) {
            let Some(kept) = idempotency::find(&mut tx, envelope.id(), now).await? else {
                continue;
            };
            if !envelope.is_of(&kept.fingerprint) {
                return Err(Error::IdempotencyKeyReused);
            }
            let answer = envelope.open(&kept.answer).ok_or_else(|| {
                Error::Internal("a kept answer is not what was written".to_owned())
            })?;
            return Ok(Some(answer));
        }
        Ok(None)
    }

    /// Takes the key, before anything that another request with it could run into.
    async fn claim(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        let envelope = &self.0.envelope;
        let (id, fingerprint) = (envelope.id(), envelope.fingerprint());
        if idempotency::claim(tx, id, fingerprint, now, now.plus(LIFETIME)).await? {
            Ok(())
        } else {
            Err(Error::Overloaded {
                retry_after: LOST_RETRY,
            })
        }
    }

    /// Keeps the answer that `made` gives.
    async fn keep(&self, tx: &mut Tx<'_>, made: &T) -> Result<()> {
        let envelope = &self.0.envelope;
        let answer = (self.0.answer)(made.clone())?;
        // A unit that is run again seals another answer, so the nonce is a new one, too.
        let sealed = envelope
            .seal(self.0.ids.bytes(), answer)
            .ok_or_else(|| Error::Internal("an answer could not be sealed".to_owned()))?;
        if idempotency::keep(tx, envelope.id(), &sealed).await? {
            Ok(())
        } else {
            Err(Error::Internal("a claimed key has gone".to_owned()))
        }
    }
}

/// Carries out a request with `act`, unless it was before. `act` is to write by way of [`write`].
///
/// # Errors
/// Those of `act`; [`Error::IdempotencyKeyReused`] when the key named another request.
pub async fn run<T: Clone, E: From<Error>>(
    services: &Services,
    once: Option<Once<T>>,
    act: impl AsyncFnOnce(Option<Once<T>>) -> std::result::Result<T, E>,
) -> std::result::Result<Done<T>, E> {
    let Some(once) = once else {
        return act(None).await.map(Done::Now);
    };
    if let Some(answer) = once.find(services).await? {
        return Ok(Done::Before(answer));
    }
    let failure = match act(Some(once.clone())).await {
        Ok(made) => return Ok(Done::Now(made)),
        Err(failure) => failure,
    };
    // Whatever stood in the way, the same request may have got through meanwhile: it then took the key, or the name that was
    // to be taken; or the commit was done and its outcome got lost.
    match once.find(services).await {
        Ok(Some(answer)) => Ok(Done::Before(answer)),
        Err(reused @ Error::IdempotencyKeyReused) => Err(reused.into()),
        Ok(None) | Err(_) => Err(failure),
    }
}

/// As [`Db::write`](crate::store::db::Db::write); and keeps the answer, where there is a key.
pub(super) async fn write<T, F>(
    services: &Services,
    once: Option<Once<T>>,
    mut unit: F,
) -> Result<T>
where
    T: Clone + Send + 'static,
    F: AsyncFnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    let Some(once) = once else {
        return services.db.write(unit).await;
    };
    let now = services.now();
    services
        .db
        .write(async move |tx| {
            once.claim(tx, now).await?;
            let made = unit(tx).await?;
            once.keep(tx, &made).await?;
            Ok(made)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        for good in ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a\"b\\,;=~!"] {
            assert!(Key::parse(good).is_some(), "{good}");
        }
        let longest = "k".repeat(Key::MAX_CHARS);
        assert!(Key::parse(&longest).is_some());
        for bad in [
            "",
            " ",
            "a b",
            "a\tb",
            "\0",
            "ключ",
            "k\u{7f}",
            &format!("{longest}k"),
        ] {
            assert!(Key::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::parse("8e03978e").expect("a key");
        assert!(!format!("{key:?}").contains("8e03978e"));
    }
}
