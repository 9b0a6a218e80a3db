/// Who may call what: a change here is a change of who is let in, so it shows in review.
#[test]
fn the_access_table() {
    let routes = super::routes();
    insta::assert_snapshot!(routes.access_table());
}
