use std::time::Duration;

use super::*;

#[test]
fn the_text_is_that_of_prometheus() {
    let metrics = Metrics::new();
    let [good, bad] = metrics.counters("b_total", "Of b.", "result", ["good", "bad"]);
    good.add(2);
    bad.add(1);
    metrics.counter("a_total", "Of a: \\ and\nmore.", &[]).add(7);
    metrics.collect(|scrape| {
        scrape.gauge("c", "Of c.", |series| {
            series.put(&[("route", "/a\"b\\c")], 1.5);
            series.put(&[("route", "/d")], f64::INFINITY);
        });
        scrape.seconds("d_seconds_total", "Of d.", |series| series.put(&[], 0.25));
    });
    assert_eq!(
        metrics.text(),
        "\
# HELP a_total Of a: \\\\ and\\nmore.
# TYPE a_total counter
a_total 7
# HELP b_total Of b.
# TYPE b_total counter
b_total{result=\"good\"} 2
b_total{result=\"bad\"} 1
# HELP c Of c.
# TYPE c gauge
c{route=\"/a\\\"b\\\\c\"} 1.5
c{route=\"/d\"} +Inf
# HELP d_seconds_total Of d.
# TYPE d_seconds_total counter
d_seconds_total 0.25
"
    );
}

#[test]
fn a_counter_is_the_same_one_for_the_same_name_and_labels() {
    let metrics = Metrics::new();
    let one = metrics.counter("a_total", "Of a.", &[("x", "1")]);
    metrics.counter("a_total", "Of a.", &[("x", "1")]).add(3);
    metrics.counter("a_total", "Of a.", &[("x", "2")]).add(1);
    assert_eq!(one.get(), 3);
    assert_eq!(metrics.text().matches("# TYPE").count(), 1);
}

#[test]
fn a_histogram_counts_into_the_bucket_whose_bound_is_not_below() {
    let histogram = Histogram::default();
    for micros in [0, 100, 101, 999, 1_000, 1_001, 6_000_000] {
        histogram.observe(Duration::from_micros(micros));
    }
    assert_eq!(
        (histogram.count(), histogram.sum()),
        (7, Duration::from_micros(6_003_201))
    );
    let metrics = Metrics::new();
    metrics.collect(move |scrape| {
        scrape.histogram("t_seconds", "Of t.", |series| {
            series.put_ref(&[("route", "/me")], &histogram);
        });
    });
    let text = metrics.text();
    for line in [
        "# TYPE t_seconds histogram",
        "t_seconds_bucket{route=\"/me\",le=\"0.0001\"} 2",
        "t_seconds_bucket{route=\"/me\",le=\"0.00025\"} 3",
        "t_seconds_bucket{route=\"/me\",le=\"0.001\"} 5",
        "t_seconds_bucket{route=\"/me\",le=\"0.0025\"} 6",
        "t_seconds_bucket{route=\"/me\",le=\"5\"} 6",
        "t_seconds_bucket{route=\"/me\",le=\"+Inf\"} 7",
        "t_seconds_sum{route=\"/me\"} 6.003201",
        "t_seconds_count{route=\"/me\"} 7",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}
