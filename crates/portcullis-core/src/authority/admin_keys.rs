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
        let result = self.keys.rotate(&context).await;
        self.settle(&context, result)
    }

    /// Voids all that was signed with the key, at once.
    pub async fn revoke_key(&self, caller: &Caller, kid: &str) -> Result<(), KeyError> {
        let context = self.context(caller);
        let result = self.keys.revoke(kid, &context).await;
        self.settle(&context, result)
    }

    /// Takes in a private key made elsewhere; gives its identifier.
    pub async fn import_key(
        &self,
        caller: &Caller,
        text: &[u8],
        options: ImportOptions,
    ) -> Result<String, KeyError> {
        let context = self.context(caller);
        let result = self.keys.import(text, options, &context).await;
        self.settle(&context, result)
    }
}
