//! The access table and the OpenAPI document as they are reviewed: a change of the API shows here.

use super::*;

#[test]
fn who_may_call_what() {
    insta::assert_snapshot!(access_table());
}

#[test]
fn the_document() {
    insta::assert_json_snapshot!(openapi().unwrap(), { ".info.version" => "[version]" });
}

#[test]
fn every_guarded_operation_documents_its_refusals() {
    let document = serde_json::to_value(openapi().unwrap()).unwrap();
    for row in access_table().rows().iter().filter(|row| row.is_guarded()) {
        let operation = &document["paths"][&row.path][row.method.as_str().to_lowercase()];
        assert!(operation["security"].is_array(), "{row:?}");
        assert!(operation["responses"]["401"].is_object(), "{row:?}");
        if row.requirement().to_string().starts_with("scope") {
            assert!(operation["responses"]["403"].is_object(), "{row:?}");
        }
    }
}
