//! What must not compile, and what the compiler says about it.

#[test]
fn what_does_not_state_access_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
