use portcullis_core::metrics::Metrics;

use super::*;

fn told(traffic: &Arc<Traffic>) -> Vec<String> {
    let metrics = Metrics::new();
    let traffic = Arc::clone(traffic);
    metrics.collect(move |scrape| traffic.tell(scrape));
    metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("portcullis_http_requests_total") || line.contains("_count{"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn requests_are_counted_by_route_method_and_status() {
    let traffic = Arc::new(Traffic::new());
    let route = Arc::new(RouteTraffic::new("/users/{id}".into()));
    let took = Duration::from_millis(3);
    traffic.count(Some(&route), &Method::GET, StatusCode::OK, took);
    traffic.count(Some(&route), &Method::GET, StatusCode::OK, took);
    traffic.count(Some(&route), &Method::GET, StatusCode::FORBIDDEN, took);
    traffic.count(Some(&route), &Method::DELETE, StatusCode::NO_CONTENT, took);
    // Of another gate.
    let twin = Arc::new(RouteTraffic::new("/users/{id}".into()));
    traffic.count(Some(&twin), &Method::GET, StatusCode::OK, took);
    traffic.count(None, &Method::GET, StatusCode::NOT_FOUND, took);
    assert_eq!(
        told(&traffic),
        [
            "portcullis_http_requests_total{route=\"-\",method=\"GET\",status=\"404\"} 1",
            "portcullis_http_requests_total{route=\"/users/{id}\",method=\"DELETE\",status=\"204\"} 1",
            "portcullis_http_requests_total{route=\"/users/{id}\",method=\"GET\",status=\"200\"} 3",
            "portcullis_http_requests_total{route=\"/users/{id}\",method=\"GET\",status=\"403\"} 1",
            "portcullis_http_request_duration_seconds_count{route=\"-\",method=\"GET\"} 1",
            "portcullis_http_request_duration_seconds_count{route=\"/users/{id}\",method=\"DELETE\"} 1",
            "portcullis_http_request_duration_seconds_count{route=\"/users/{id}\",method=\"GET\"} 4",
        ]
    );
}

#[test]
fn nothing_that_a_client_makes_up_becomes_a_series() {
    let traffic = Arc::new(Traffic::new());
    for n in 0..1000 {
        let method = Method::from_bytes(format!("MADEUP{n}").as_bytes()).unwrap();
        traffic.count(None, &method, StatusCode::NOT_FOUND, Duration::ZERO);
    }
    traffic.count(
        None,
        &Method::GET,
        StatusCode::from_u16(999).unwrap(),
        Duration::ZERO,
    );
    assert_eq!(
        told(&traffic),
        [
            "portcullis_http_requests_total{route=\"-\",method=\"GET\",status=\"599\"} 1",
            "portcullis_http_requests_total{route=\"-\",method=\"other\",status=\"404\"} 1000",
            "portcullis_http_request_duration_seconds_count{route=\"-\",method=\"GET\"} 1",
            "portcullis_http_request_duration_seconds_count{route=\"-\",method=\"other\"} 1000",
        ]
    );
}
