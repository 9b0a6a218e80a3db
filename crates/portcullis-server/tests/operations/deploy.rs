//! The files of `deploy/`, as far as they can be judged without a cluster: that they parse, that each key and each path in them is
//! one of ours, and that what they promise of rights and limits is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::harness::Place;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name)
}

fn read(name: &str) -> String {
    let path = file(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how `./test` tells the tests what it installed"
)]
fn installed(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `./test`"))
}

/// The documents of a file of YAML.
fn yaml(name: &str) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/yaml_to_json.py");
    let output = Command::new(installed("PORTCULLIS_TEST_PYTHON"))
        .arg(script)
        .arg(file(name))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Name and value as they are given to the server.
type Environment = BTreeMap<String, String>;

/// Runs `portcullis check` as the server would be run. Secrets that are files are there, and the database is one that is here.
fn check(name: &str, environment: &Environment) {
    let mut place = Place::new();
    for (number, (name, value)) in environment.iter().enumerate() {
        let value = if name.ends_with("_FILE") {
            let secret = match name.as_str() {
                "PORTCULLIS_DATABASE__URL_FILE" => format!("sqlite://{}", place.path("own.db").display()),
                "PORTCULLIS_MASTER_KEY_FILE" => "0123456789abcdef".repeat(4),
                _ => "0123456789012345678901".to_owned(),
            };
            let path = place.write(&format!("secret-{number}"), &secret);
            path.to_str().unwrap().to_owned()
        } else if name == "PORTCULLIS_DATA_DIR" {
            place.path("data").to_str().unwrap().to_owned()
        } else {
            value.clone()
        };
        place = place.env(name, &value);
    }
    let ended = place.run(&["check"]);
    assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
    assert!(
        !ended.stdout.contains("is not given: tokens say"),
        "{name}: {ended:?}"
    );
}

fn strings(object: &Value) -> Environment {
    let members = object.as_object().unwrap().iter();
    members
        .map(|(name, value)| {
            let value = value
                .as_str()
                .unwrap_or_else(|| panic!("{name} is no text: {value}"));
            (name.clone(), value.to_owned())
        })
        .collect()
}

/// Paths that a `GET` finds.
fn paths() -> BTreeSet<String> {
    let routes = Place::new().run(&["routes"]).done();
    routes
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[0] == "GET")
        .map(|words| words[1].to_owned())
        .collect()
}

fn port(address: &str) -> u64 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn seconds(duration: &str) -> u64 {
    duration.strip_suffix('s').unwrap().parse().unwrap()
}

/// Seconds of `http.drain_timeout` when nobody gives one.
const DRAIN: u64 = 30;
/// For how many seconds a node loads all that is revoked before it gives up (`LOAD_TIMEOUT`).
const LOAD: u64 = 600;

#[test]
fn kubernetes_has_probes_limits_and_a_budget_that_fit_the_server() {
    let documents = yaml("kubernetes/portcullis.yaml");
    let of = |kind: &str| {
        documents
            .iter()
            .find(|document| document["kind"] == kind)
            .unwrap()
    };
    let deployment = of("Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];

    let mut environment = strings(&of("ConfigMap")["data"]);
    let ports: BTreeMap<&str, u64> = container["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| {
            (
                port["name"].as_str().unwrap(),
                port["containerPort"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(ports["http"], port(&environment["PORTCULLIS_LISTEN"]));
    assert_eq!(ports["metrics"], port(&environment["PORTCULLIS_METRICS__LISTEN"]));
    let paths = paths();
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let get = &container[probe]["httpGet"];
        assert_eq!(
            (get["path"].as_str(), get["port"].as_str()),
            (Some(path), Some("http")),
            "{probe}"
        );
        assert!(paths.contains(path), "{path} is not in {paths:?}");
    }
    // What a node gives itself to load all that is revoked.
    let starts = &container["startupProbe"];
    let patience = starts["periodSeconds"].as_u64().unwrap() * starts["failureThreshold"].as_u64().unwrap();
    assert!(patience > LOAD, "{patience}");
    let delay = seconds(&environment["PORTCULLIS_HTTP__DRAIN_DELAY"]);
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > delay + DRAIN, "{grace}");
    // By then the endpoint is known not to be ready, whoever looks.
    let probe = &container["readinessProbe"];
    let noticed = probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
    assert!(delay > noticed, "{delay}");

    assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    restricted(container);
    assert_eq!(
        container["args"],
        serde_json::json!(["serve"]),
        "and nothing of the command line of the image"
    );

    let labels = &deployment["spec"]["selector"]["matchLabels"];
    assert_eq!(&pod["metadata"]["labels"], labels);
    let budget = of("PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
    let kept = budget["spec"]["minAvailable"].as_u64().unwrap();
    assert!(
        (1..replicas).contains(&kept),
        "{kept} of {replicas}: a machine could not be drained"
    );
    assert_eq!(&of("Service")["spec"]["selector"], labels);
    assert_eq!(&of("NetworkPolicy")["spec"]["podSelector"]["matchLabels"], labels);
    for rule in of("NetworkPolicy")["spec"]["ingress"].as_array().unwrap() {
        let name = rule["ports"][0]["port"].as_str().unwrap();
        assert!(ports.contains_key(name), "{name}");
        assert_eq!(
            rule["from"].is_array(),
            name == "metrics",
            "metrics are not for all"
        );
    }

    environment.extend(container_environment(container));
    check("kubernetes/portcullis.yaml", &environment);
}

#[test]
fn the_job_that_migrates_is_as_restricted_and_runs_a_command_that_there_is() {
    let job = &yaml("kubernetes/migrate.yaml")[0];
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    restricted(container);
    let command = container["args"][0].as_str().unwrap();
    Place::new().run(&[command, "--help"]).done();
    check("kubernetes/migrate.yaml", &container_environment(container));

    let kustomization = &yaml("kubernetes/kustomization.yaml")[0];
    for resource in kustomization["resources"].as_array().unwrap() {
        assert!(
            file("kubernetes").join(resource.as_str().unwrap()).exists(),
            "{resource}"
        );
    }
    let image = &kustomization["images"][0];
    assert_eq!(image["name"], container["image"]);
    assert_eq!(image["newTag"], env!("CARGO_PKG_VERSION"));
}

/// No rights, no writing, bounded memory.
#[track_caller]
fn restricted(container: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"][0], "ALL");
    assert!(container["resources"]["limits"]["memory"].is_string());
    assert!(container["resources"]["requests"]["cpu"].is_string());
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().all(|mount| mount["readOnly"] == true));
}

/// The environment of a container. What is a file lies in a volume that is mounted.
fn container_environment(container: &Value) -> Environment {
    let pairs = container["env"].as_array().unwrap().iter();
    let environment: Environment = pairs
        .map(|pair| {
            let text = |name: &str| pair[name].as_str().unwrap().to_owned();
            (text("name"), text("value"))
        })
        .collect();
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    for (name, value) in &environment {
        assert!(
            !name.ends_with("_FILE") || value.starts_with(mount),
            "{name}: {value}"
        );
    }
    environment
}

#[test]
fn compose_starts_two_equal_nodes_after_a_migration_behind_a_proxy_that_asks_whether_they_are_ready() {
    let compose = &yaml("compose/compose.yaml")[0];
    let services = &compose["services"];
    for node in ["node-1", "node-2", "migrate"] {
        let service = &services[node];
        assert_eq!(service["read_only"], true, "{node}");
        assert_eq!(service["cap_drop"][0], "ALL", "{node}");
        assert!(service["mem_limit"].is_string(), "{node}");
        let grace: u64 = service["stop_grace_period"]
            .as_str()
            .and_then(|text| text.strip_suffix('s'))
            .unwrap()
            .parse()
            .unwrap();
        assert!(grace > DRAIN, "{grace}");
        let environment = strings(&service["environment"]);
        for (name, value) in &environment {
            let secret = value.strip_prefix("/run/secrets/");
            assert_eq!(name.ends_with("_FILE"), secret.is_some(), "{name}: {value}");
            if let Some(secret) = secret {
                assert!(compose["secrets"][secret]["file"].is_string(), "{secret}");
            }
        }
        let proxy = &services["proxy"]["networks"]["front"]["ipv4_address"];
        assert_eq!(
            environment["PORTCULLIS_HTTP__TRUSTED_PROXIES"],
            proxy.as_str().unwrap()
        );
        // As the image has it.
        let mut environment = environment;
        environment.extend(image_environment());
        check(&format!("compose/compose.yaml: {node}"), &environment);
    }
    assert_eq!(services["node-1"], services["node-2"]);
    let after = &services["node-1"]["depends_on"]["migrate"]["condition"];
    assert_eq!(after, "service_completed_successfully");
    Place::new()
        .run(&[services["migrate"]["command"][0].as_str().unwrap(), "--help"])
        .done();

    let proxy = read("compose/haproxy.cfg");
    let port = port(&image_environment()["PORTCULLIS_LISTEN"]);
    for line in [
        "http-check send meth GET uri /readyz hdr Host portcullis".to_owned(),
        format!("server node-1 node-1:{port}"),
        format!("server node-2 node-2:{port}"),
        "http-request del-header X-Forwarded-For".to_owned(),
        "http-request del-header X-Request-Id".to_owned(),
        "http-request del-header traceparent".to_owned(),
        // Nothing that may have been done is done again.
        "retry-on conn-failure".to_owned(),
    ] {
        assert!(proxy.lines().any(|found| found.trim() == line), "{line}");
    }
    assert!(paths().contains("/readyz"));
}

/// Instructions of the Dockerfile, each on one line.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (word, rest) = line.split_once(' ').unwrap();
            (
                word.to_owned(),
                rest.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

fn image_environment() -> Environment {
    let instructions = instructions();
    let set = instructions.iter().filter(|(word, _)| word == "ENV");
    set.flat_map(|(_, rest)| rest.split(' '))
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_image_is_one_binary_without_rights() {
    let instructions = instructions();
    let all = |wanted: &str| -> Vec<&str> {
        let matching = instructions.iter().filter(|(word, _)| word == wanted);
        matching.map(|(_, rest)| rest.as_str()).collect()
    };
    let stages = all("FROM");
    assert_eq!(stages.last(), Some(&"scratch"));
    for stage in &stages[..stages.len() - 1] {
        let image = stage.split(' ').next().unwrap();
        let tag = image
            .rsplit_once(':')
            .unwrap_or_else(|| panic!("{image} has no tag"))
            .1;
        assert_ne!(tag, "latest", "another one each day");
    }
    assert!(all("ADD").is_empty(), "COPY does no more than it says");
    assert!(all("ARG").contains(&format!("RUST_VERSION={}", env!("CARGO_PKG_RUST_VERSION")).as_str()));
    let user: Vec<&str> = all("USER").pop().unwrap().split(':').collect();
    assert!(
        user.iter().all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "{user:?}"
    );
    for arguments in [all("ENTRYPOINT"), all("CMD")].concat() {
        let arguments: Vec<String> = serde_json::from_str(arguments).unwrap();
        assert!(!arguments.is_empty(), "without a shell there is no other form");
    }
    assert_eq!(all("CMD"), [r#"["serve"]"#]);
    assert!(
        all("RUN")
            .concat()
            .contains("--locked --package portcullis-server --bin portcullis")
    );
    let exposed: Vec<u64> = all("EXPOSE")[0]
        .split(' ')
        .map(|port| port.parse().unwrap())
        .collect();
    let environment = image_environment();
    assert!(
        exposed.contains(&port(&environment["PORTCULLIS_LISTEN"])),
        "{exposed:?}"
    );

    // Others can reach it: it wants TLS, or a proxy. With that it is complete.
    let mut environment = environment;
    environment.insert("PORTCULLIS_HTTP__TRUSTED_PROXIES".into(), "10.0.0.1".into());
    environment.insert(
        "PORTCULLIS_TOKEN__ISSUER".into(),
        "https://auth.example.com".into(),
    );
    check("Dockerfile", &environment);

    let ignored = fs::read_to_string(file("../.dockerignore")).unwrap();
    for name in [
        ".git",
        "**/target",
        "**/.env",
        "portcullis-data",
        // Where Compose has its secrets, and what else holds one.
        "**/secrets",
        "**/master.key",
        "**/*.pem",
    ] {
        assert!(
            ignored.lines().any(|line| line == name),
            "{name} would be sent to the builder"
        );
    }
}

#[test]
fn systemd_takes_the_unit_and_finds_little_exposed() {
    let unit = read("systemd/portcullis.service");
    let place = Place::new();
    // Where the binary is on this machine.
    let own = unit.replace("/usr/local/bin/portcullis", env!("CARGO_BIN_EXE_portcullis"));
    let path = place.write("portcullis.service", &own);
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
    let judged = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "more than 2.0 of 10 is exposed:\n{said}");

    let value = |name: &str| -> Vec<&str> {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(name));
        lines.filter_map(|rest| rest.strip_prefix('=')).collect()
    };
    for command in [value("ExecStartPre"), value("ExecStart")].concat() {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        place.run(&[&words[..], &["--help"]].concat()).done();
    }
    let stops: u64 = value("TimeoutStopSec")[0].parse().unwrap();
    assert!(stops > DRAIN, "{stops}");
    let environment: Environment = value("Environment")
        .iter()
        .map(|pair| pair.split_once('=').unwrap())
        .filter(|(name, _)| *name != "PORTCULLIS_CONFIG")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // The user of the service could not read it in place, and nobody else should.
    assert!(unit.contains("\nLoadCredential=portcullis.toml:/etc/portcullis/portcullis.toml\n"));
    assert!(unit.contains("\nEnvironment=PORTCULLIS_CONFIG=%d/portcullis.toml\n"));
    assert!(unit.contains("install -D -m 0600 portcullis.toml"));
    check("systemd/portcullis.service", &environment);
}
