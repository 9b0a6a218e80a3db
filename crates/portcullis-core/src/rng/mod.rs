//! Randomness, passed in.

/// A source of unpredictable bytes.
pub trait Rng: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Fresh bytes from `rng`.
///
/// ```
/// let salt: [u8; 16] = portcullis_core::rng::bytes(&portcullis_core::rng::SystemRng);
/// assert_ne!(salt, [0; 16]);
/// ```
pub fn bytes<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill(&mut out);
    out
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    /// # Panics
    /// When the operating system has no randomness to give: going on would mean predictable secrets.
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one real generator; fails closed"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
