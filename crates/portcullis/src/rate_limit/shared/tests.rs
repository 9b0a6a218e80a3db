use super::*;

fn refused(url: &str) -> SharedLimitsError {
    SharedLimits::new(url).expect_err(url)
}

#[tokio::test]
async fn urls_of_redis_and_valkey_are_read_and_no_others() {
    for url in [
        "redis://127.0.0.1",
        "redis://redis.example.com:6380/2",
        "valkey://:secret@redis.example.com",
        "rediss://portcullis:se%23cret@redis.example.com:6379",
        "valkeys://[::1]:6379",
    ] {
        assert!(SharedLimits::new(url).is_ok(), "{url}");
    }
    for url in [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "unix:///run/redis.sock",
        "redis://",
        "redis://127.0.0.1/x",
        "redis://0.0.0.0",
    ] {
        assert_eq!(refused(url), SharedLimitsError::Url, "{url}");
    }
}

#[tokio::test]
async fn a_certificate_is_looked_at_always() {
    assert_eq!(
        refused("rediss://127.0.0.1/#insecure"),
        SharedLimitsError::Fragment
    );
    assert_eq!(refused("redis://:se#cret@127.0.0.1"), SharedLimitsError::Fragment);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::new(["redis.example.com".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .pem();
    let with = |url: &str, pem: &str| SharedLimits::with_root_certificates(url, pem).err();
    assert_eq!(with("rediss://127.0.0.1", &pem), None);
    assert_eq!(with("redis://127.0.0.1", &pem), Some(SharedLimitsError::NoTls));
    for nothing in ["", "not PEM", &key.serialize_pem()] {
        assert_eq!(
            with("rediss://127.0.0.1", nothing),
            Some(SharedLimitsError::Certificates)
        );
    }
}

#[test]
fn what_went_wrong_is_told_without_what_was_answered() {
    let answer = |code: &'static str| {
        let error = redis::make_extension_error(code.to_owned(), Some("planted".to_owned()));
        Away::from(error).to_string()
    };
    assert_eq!(answer("WRONGPASS"), "it answers WRONGPASS");
    for strange in ["Planted by somebody", "PLANTEDPLANTEDPLANTED"] {
        assert!(!answer(strange).to_lowercase().contains("planted"), "{strange}");
    }
}

#[test]
fn an_answer_is_a_verdict_and_two_numbers_for_each_question() {
    let standing = |live, reset_after_micros| SharedStanding {
        live,
        reset_after_micros,
    };
    assert_eq!(
        Verdict::read(&[1, 2, 3, 4, 5], 2),
        Some(Verdict(true, vec![standing(2, 3), standing(4, 5)]))
    );
    assert_eq!(
        Verdict::read(&[0, 2, 3], 1),
        Some(Verdict(false, vec![standing(2, 3)]))
    );
    for strange in [
        &[][..],
        &[2, 1, 1],
        &[-1, 1, 1],
        &[1, -1, 1],
        &[1, 1],
        &[1],
        &[1, 1, 1, 1, 1],
    ] {
        assert_eq!(Verdict::read(strange, 1), None, "{strange:?}");
    }
}
