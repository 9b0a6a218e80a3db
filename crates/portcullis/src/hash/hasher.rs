use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use portcullis_core::{
    clock::{Clock, SystemClock},
    key::{MasterKey, Vault},
    password::{
        Argon2Params, Password, StoredHash, needs_rehash as outdated,
        pool::{HashPool, HashPoolConfig, HashPoolError, JobClass, Target},
    },
    rng::{Rng, SystemRng},
};

use super::{AsHash, AsPassword, HashError};

/// What a check gave.
///
/// ```
/// use portcullis::hash::{self, HashError};
///
/// /// What to store from now on.
/// async fn renewed(password: &str, stored: &str) -> Result<Option<hash::StoredHash>, HashError> {
///     let verdict = hash::verify(password, stored).await?;
///     if verdict.matches && verdict.rehash {
///         return hash::password(password).await.map(Some);
///     }
///     Ok(None)
/// }
/// ```
#[must_use = "a verdict that nobody looks at lets everybody in"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the password.
    pub matches: bool,
    /// Whether the stored hash should be replaced by [`Hasher::password`] of the same password: it is weaker than what is
    /// made now, or of another family. Never when the password is wrong.
    pub rehash: bool,
}

/// Hashes passwords on threads of its own. Clones are handles to the same ones; they end with the last handle.
///
/// ```
/// use portcullis::hash::{HashPoolConfig, Hasher};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let hasher = Hasher::start(HashPoolConfig { threads: 1, ..HashPoolConfig::default() })?;
/// let stored = hasher.password("correct horse battery").await?;
///
/// // At a login, the address of the client keeps it from filling the queue.
/// let of_client = hasher.for_address("192.0.2.7".parse()?);
/// assert!(of_client.verify("correct horse battery", &stored).await?.matches);
/// assert!(!of_client.verify("something else", &stored).await?.matches);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hasher {
    pool: HashPool,
    class: JobClass,
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the settings make no sense, or the operating system gives no thread.
    pub fn start(config: HashPoolConfig) -> Result<Self, HashPoolError> {
        Self::start_with(config, Arc::new(SystemClock), Arc::new(SystemRng))
    }

    /// [`Hasher::start`] with another clock and another source of randomness.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{core::{clock::MovableClock, rng::SystemRng}, hash::{HashPoolConfig, HashPoolError, Hasher}};
    ///
    /// fn of_a_test(clock: Arc<MovableClock>) -> Result<Hasher, HashPoolError> {
    ///     Hasher::start_with(HashPoolConfig { threads: 1, ..HashPoolConfig::default() }, clock, Arc::new(SystemRng))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Hasher::start`].
    pub fn start_with(
        config: HashPoolConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, HashPoolError> {
        // Spreads the dummies of unknown users over the kinds of hashes: it need not outlive the process.
        let vault = Vault::new(&MasterKey::generate(&*rng));
        HashPool::start(config, clock, rng, &vault).map(Self::new)
    }

    /// On the threads of `pool`.
    ///
    /// ```
    /// use portcullis::{core::password::pool::HashPool, hash::Hasher};
    ///
    /// /// The threads of the logins of Portcullis hash the application's own passwords, too.
    /// fn shared(pool: &HashPool) -> Hasher { Hasher::new(pool.clone()) }
    /// ```
    #[must_use]
    pub fn new(pool: HashPool) -> Self {
        Self {
            pool,
            class: JobClass::Reserved,
        }
    }

    /// On behalf of a client at this address: one address (a /64 of IPv6) holds at most a quarter of the queue, and all
    /// of them leave a quarter to jobs without an address. Say it wherever strangers can ask: at login and registration.
    #[must_use]
    pub fn for_address(&self, address: IpAddr) -> Self {
        Self {
            pool: self.pool.clone(),
            class: JobClass::General {
                address: Some(address),
            },
        }
    }

    /// Hashes a new password, to be stored: Argon2id with a salt of its own.
    ///
    /// # Errors
    /// When it could not be hashed now.
    pub async fn password(&self, password: impl AsPassword) -> Result<StoredHash, HashError> {
        let permit = self.pool.admit(self.class)?;
        Ok(permit.hash(password.as_password()).await?)
    }

    /// Checks a password against what is stored. For a hash that cannot be checked the same work is done and the answer is
    /// no. So it is for `None`; but where hashes of several kinds are stored, [`Hasher::verify_unknown`] alone tells
    /// nothing by its time.
    ///
    /// # Errors
    /// When it could not be checked now: never to be taken for a wrong password.
    pub async fn verify(&self, password: impl AsPassword, stored: impl AsHash) -> Result<Verdict, HashError> {
        let target = match stored.as_hash() {
            Some(text) => Target::Stored(StoredHash::from_stored(text.to_owned())),
            None => Target::Dummy {
                identifier: String::new(),
            },
        };
        self.check(password.as_password(), target).await
    }

    /// Does the work of a check for someone who is not known; the answer is no. Who is asked for by the same `identifier`
    /// gets the same kind of work each time, in the proportions that [`Hasher::set_population`] was told. Spell it as it
    /// is looked up (`Ada@` and `ada@` may be one).
    ///
    /// ```
    /// use portcullis::hash::{HashError, Hasher};
    ///
    /// async fn nobody_has_this_name(hasher: &Hasher, name: &str, password: &str) -> Result<(), HashError> {
    ///     assert!(!hasher.verify_unknown(password, name).await?.matches);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Hasher::verify`].
    pub async fn verify_unknown(
        &self,
        password: impl AsPassword,
        identifier: &str,
    ) -> Result<Verdict, HashError> {
        let target = Target::Dummy {
            identifier: identifier.to_owned(),
        };
        self.check(password.as_password(), target).await
    }

    async fn check(&self, password: Password, target: Target) -> Result<Verdict, HashError> {
        let permit = self.pool.admit(self.class)?;
        let verdict = permit.verify(password, target).await?;
        if let Some(problem) = verdict.problem {
            tracing::warn!(%problem, "hash.unusable: its owner cannot log in");
        }
        Ok(Verdict {
            matches: verdict.matches,
            rehash: verdict.rehash,
        })
    }

    /// Whether a stored hash should be replaced: it is weaker than what this makes, or of another family.
    ///
    /// ```
    /// # use portcullis::hash::{HashPoolConfig, Hasher};
    /// # let hasher = Hasher::start(HashPoolConfig { threads: 1, ..HashPoolConfig::default() })?;
    /// assert!(hasher.needs_rehash("$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e"));
    /// # Ok::<(), portcullis::hash::HashPoolError>(())
    /// ```
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        needs_rehash(stored, self.pool.params())
    }

    /// Says how many hashes of which kind ([`StoredHash::kind`]) are stored. Needed only where they are not all made by
    /// one hasher: the work for unknown users then is of these kinds.
    ///
    /// ```
    /// # use portcullis::hash::{HashPoolConfig, Hasher};
    /// # let hasher = Hasher::start(HashPoolConfig { threads: 1, ..HashPoolConfig::default() })?;
    /// hasher.set_population(&[("$argon2id$v=19$m=19456,t=2,p=1".into(), 900), ("$2b$10".into(), 100)]);
    /// # Ok::<(), portcullis::hash::HashPoolError>(())
    /// ```
    pub fn set_population(&self, kinds: &[(String, u64)]) {
        self.pool.set_population(kinds);
    }

    /// [`Hasher::set_population`] of the hashes that are `stored`.
    ///
    /// ```
    /// # use portcullis::hash::{HashPoolConfig, Hasher};
    /// # let hasher = Hasher::start(HashPoolConfig { threads: 1, ..HashPoolConfig::default() })?;
    /// // SELECT password_hash FROM users
    /// hasher.set_population_of(["$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e"]);
    /// # Ok::<(), portcullis::hash::HashPoolError>(())
    /// ```
    pub fn set_population_of<T: AsRef<str>>(&self, stored: impl IntoIterator<Item = T>) {
        self.set_population(&kinds(stored));
    }

    /// The threads, for their numbers ([`HashPool::stats`]).
    ///
    /// ```
    /// # use portcullis::hash::{HashPoolConfig, Hasher};
    /// # let hasher = Hasher::start(HashPoolConfig { threads: 1, ..HashPoolConfig::default() })?;
    /// assert_eq!(hasher.pool().stats().threads, 1);
    /// # Ok::<(), portcullis::hash::HashPoolError>(())
    /// ```
    #[must_use]
    pub fn pool(&self) -> &HashPool {
        &self.pool
    }
}

pub(super) fn needs_rehash(stored: &str, params: Argon2Params) -> bool {
    outdated(&StoredHash::from_stored(stored.to_owned()), &params)
}

/// How many of each kind.
pub(super) fn kinds<T: AsRef<str>>(stored: impl IntoIterator<Item = T>) -> Vec<(String, u64)> {
    let mut kinds = BTreeMap::<String, u64>::new();
    for hash in stored {
        let hash = StoredHash::from_stored(hash.as_ref().to_owned());
        *kinds.entry(hash.kind().to_owned()).or_default() += 1;
    }
    kinds.into_iter().collect()
}
