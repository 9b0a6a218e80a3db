use serde_json::Value;

use crate::harness::Place;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_server_does_what_is_due_and_says_so() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.wait_for_maintenance();
    let status = json(&place.run(&["maintenance", "--json"]).done());
    assert_eq!(status["schedule"], "0 17 3 * * *");
    assert_eq!(
        (&status["overdue"], &status["missed_runs"]),
        (&false.into(), &0.into())
    );
    assert_eq!(status["last_run"]["finished"], true);
    assert!(status["next_run"].as_str().unwrap().ends_with("T03:17:00Z"));
    for task in ["sessions", "feed", "attempts", "audit", "keys"] {
        assert_eq!(status["tasks"][task]["removed"], 0, "{status}");
        assert_eq!(status["tasks"][task]["error"], Value::Null);
    }
    let text = place.run(&["maintenance"]).done();
    assert!(
        text.starts_with("schedule     0 17 3 * * *\nnext run ") && text.contains("finished\n"),
        "{text}"
    );
    // Nothing was removed, so nothing is told.
    let audit = place
        .run(&["audit", "--kind", "maintenance.ran", "--json"])
        .done();
    assert_eq!(json(&audit), json("[]"));
    let doctor = place
        .run(&["doctor", "--listen", server.address(), "--json"])
        .done();
    assert!(
        doctor.contains("\"maintenance\"") && doctor.contains("the last run was at"),
        "{doctor}"
    );
}

/// As the unit of systemd is run beside a shell: with the data folder, and without the configuration.
#[test]
fn nothing_is_deleted_by_another_retention_than_that_of_the_server() {
    let place = Place::new();
    place.write("server.toml", "[audit]\nretention = \"forever\"\n");
    let _server = place.serve(&["--config", "server.toml"]);
    let refused = place.run(&["maintenance", "run"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("another time for `audit` than this command was told: forever, not 31536000 s"),
        "{refused:?}"
    );
    place
        .run(&["maintenance", "run", "--task", "feed", "--task", "keys"])
        .done();
    place
        .run(&["maintenance", "run", "--config", "server.toml"])
        .done();
}

#[test]
fn an_operator_can_ask_for_it_at_once() {
    let place = Place::new().env("PORTCULLIS_MAINTENANCE__SCHEDULE", "never");
    let _server = place.serve(&[]);
    let status = json(&place.run(&["maintenance", "--json"]).done());
    assert_eq!(
        (&status["schedule"], &status["next_run"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(status["tasks"]["keys"], Value::Null);
    let ran = place
        .run(&["maintenance", "run", "--task", "keys", "--task", "feed"])
        .done();
    assert!(
        ran.contains("feed ") && ran.contains("keys ") && !ran.contains("audit "),
        "{ran}"
    );
    let ran = json(&place.run(&["maintenance", "run", "--json"]).done());
    assert_eq!(ran.as_object().unwrap().len(), 5);
    let audit = json(
        &place
            .run(&["audit", "--kind", "maintenance.ran", "--json"])
            .done(),
    );
    assert_eq!(audit.as_array().unwrap().len(), 2);
    assert_eq!(audit[0]["actor"], "operator");
    let wrong = place.run(&["maintenance", "run", "--task", "everything"]);
    assert!(
        wrong.code == Some(2) && wrong.stderr.contains("sessions, feed, attempts, audit, keys"),
        "{wrong:?}"
    );
    let doctor = place.run(&["doctor", "--json"]).stdout;
    assert!(doctor.contains("maintenance.schedule is never"), "{doctor}");
}

#[test]
fn a_schedule_that_cannot_be_is_refused_with_the_place() {
    let place = Place::new()
        .env("PORTCULLIS_MAINTENANCE__SCHEDULE", "0 0 25 * * *")
        .env("PORTCULLIS_KEYS__ROTATE_AFTER", "2h");
    let check = place.run(&["check"]);
    assert_eq!(check.code, Some(1));
    assert!(
        check.stderr.contains("at column 5: `25` is no hour") && check.stderr.contains("less than a day"),
        "{check:?}"
    );
}
