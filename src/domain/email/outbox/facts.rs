//! What a mail tells of, as it is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::Result;
use crate::ids::UserId;
use crate::store::db::Tx;
use crate::store::known_devices;

/// What a mail tells of, beyond its kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registration: Option<uuid::Uuid>,
    /// A new address, or one that was put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
    /// The device that it was asked for from, as a MAC in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked_from: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) can_be_undone: bool,
    /// When the token that it carries first left the service, or may have: Unix milliseconds. Its life began then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issued_at: Option<i64>,
    /// It was counted against the limit of the address, which allows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_counted: bool,
    /// A client requested it. Whether the limit of the address allows it is checked when it is sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_to_be_counted: bool,
}

impl Facts {
    /// Whether it was asked for from a device of the user.
    pub(super) async fn is_from_device_of(&self, tx: &mut Tx<'_>, user_id: UserId) -> Result<bool> {
        let device = self.asked_from.as_deref();
        let device = device.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        Ok(match device {
            Some(device) => known_devices::is_known(tx, user_id, &device).await?,
            None => false,
        })
    }

    pub(super) fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(self);
        text.map_err(|error| crate::domain::Error::Internal(format!("facts of a mail: {error}")))
    }
}
