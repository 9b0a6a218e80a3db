//! The public API as it is reviewed: what an application may depend on shows here before it changes, and each part of it
//! has an example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod rustdoc;

#[test]
fn what_an_application_may_depend_on() {
    let api = public_api::Builder::from_rustdoc_json(rustdoc::of_the_library())
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    insta::assert_snapshot!(api);
}

#[test]
fn everything_public_has_an_example() {
    let lacking = examples::lacking();
    assert!(
        lacking.is_empty(),
        "{} without an example (docs/decisions/0096):\n{}",
        lacking.len(),
        lacking.join("\n")
    );
}
