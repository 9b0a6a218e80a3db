//! Known devices: what a stranger cannot take from their owner, and what they do not give a stranger.

use portcullis_core::{
    authority::{AuthorityConfig, Caller, LoginError, Pair, RateLimits, TokenPair, TryLater},
    limit::Quota,
    password::Password,
};
use portcullis_testkit::both;
use secrecy::ExposeSecret as _;

use crate::fixture::{FAILURES, PASSWORD, World, anyone, by, config};

const EMAIL: &str = "ada@example.com";
const NEW: &str = "another horse 7 staple";

/// One wrong password more than is borne, by a known device or by strangers.
async fn guess(world: &World, device: Option<&TokenPair>) {
    for _ in 0..=FAILURES {
        assert!(is_refused(&world.login(EMAIL, "guess", None, device).await));
    }
}

fn is_refused(login: &Result<TokenPair, LoginError>) -> bool {
    matches!(login, Err(LoginError::Invalid))
}

both! {
    async fn a_device_that_used_up_its_attempts_counts_with_the_account(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, device) = world.register(EMAIL).await;
        guess(&world, Some(&device)).await;
        // By the account, whose attempts strangers have not used up; which lets the device begin anew.
        world.login(EMAIL, PASSWORD, None, Some(&device)).await.unwrap();
        guess(&world, None).await;
        world.login(EMAIL, PASSWORD, None, Some(&device)).await.unwrap();

        guess(&world, Some(&device)).await;
        assert!(is_refused(&world.login(EMAIL, PASSWORD, None, Some(&device)).await), "no third allowance");
    }

    async fn a_new_password_forgets_all_devices_but_the_one_on_which_it_is_set(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (user, pair) = world.register(EMAIL).await;
        let other = world.login(EMAIL, PASSWORD, None, None).await.unwrap();
        let principal = world.principal(&pair).await;
        let kept = world
            .authority
            .change_password(&by(&principal), &principal, Password::new(PASSWORD), Password::new(NEW))
            .await
            .unwrap();
        guess(&world, None).await;
        for forgotten in [&pair, &other] {
            assert!(is_refused(&world.login(EMAIL, NEW, None, Some(forgotten)).await));
        }
        world.login(EMAIL, NEW, None, Some(&kept)).await.unwrap();
        let refresh = kept.refresh.secret().expose_secret();
        let refreshed = world.authority.refresh(&anyone(), refresh).await.unwrap();
        world.login(EMAIL, NEW, None, Some(&refreshed)).await.unwrap();

        // Whoever logs out everywhere while strangers guess must not be shut out by it.
        let principal = world.principal(&refreshed).await;
        world.authority.logout_everywhere(&by(&principal), &principal).await.unwrap();
        world.login(EMAIL, NEW, None, Some(&refreshed)).await.unwrap();

        world.authority.set_password(&Caller::operator(), &user, Password::new(PASSWORD)).await.unwrap();
        guess(&world, None).await;
        assert!(is_refused(&world.login(EMAIL, PASSWORD, None, Some(&refreshed)).await));
    }

    /// Two who share a browser: the device token of the one comes along with the login of the other.
    async fn somebody_else_s_device_costs_the_address_one_login_and_not_two(db: TestDatabase) {
        let quota = |text: &str| text.parse::<Quota>().unwrap();
        let login = Pair { address: quota("3/minute"), account: quota("100/minute") };
        let limits = RateLimits { login, ..RateLimits::default() };
        let world = World::new(&db, AuthorityConfig { limits, ..config() }).await;
        let (_, theirs) = world.register("bob@example.com").await;
        for _ in 0..3 {
            assert!(is_refused(&world.login(EMAIL, "guess", None, Some(&theirs)).await));
        }
        let refused = world.login(EMAIL, "guess", None, Some(&theirs)).await;
        assert!(matches!(refused, Err(LoginError::TryLater(TryLater::Limited(_)))));
    }
}
