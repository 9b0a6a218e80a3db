use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Authority, Caller};
use crate::key::{ImportOptions, KeyError, KeySummary};

impl Authority {
    /// All signing keys.
    pub async fn list_keys(&self) -> Result<Vec<KeySummary>, KeyError> {
        self.keys.list().await
    }

    /// The next key signs from now on; no live token breaks.
    pub async fn rotate_keys(&self, caller: &Caller) -> Result<(), KeyError> {
        let context = self.context(caller);
        let keys = Arc::clone(&self.keys);
        self.act(&context, |_, context| async move { keys.rotate(&context).await })
            .await
    }

    /// Voids all that was signed with the key, at once.
    pub async fn revoke_key(&self, caller: &Caller, kid: &str) -> Result<(), KeyError> {
        let context = self.context(caller);
        let (keys, kid) = (Arc::clone(&self.keys), kid.to_owned());
        self.act(
            &context,
            |_, context| async move { keys.revoke(&kid, &context).await },
        )
        .await
    }

    /// Takes in a private key made elsewhere; gives its identifier.
    pub async fn import_key(
        &self,
        caller: &Caller,
        text: &[u8],
        options: ImportOptions,
    ) -> Result<String, KeyError> {
        let context = self.context(caller);
        let (keys, text) = (Arc::clone(&self.keys), Zeroizing::new(text.to_vec()));
        self.act(&context, |_, context| async move {
            keys.import(&text, options, &context).await
        })
        .await
    }
}
