use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::Histogram;

/// One reading of everything: takes the families of the sources, one after the other.
pub struct Scrape<'a> {
    encoder: DescriptorEncoder<'a>,
    result: fmt::Result,
}

/// The series of one family, `T` being what each of them is.
pub struct Series<'a, T: ?Sized> {
    encoder: MetricEncoder<'a>,
    result: fmt::Result,
    write: fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
}

impl<T: Copy> Series<'_, T> {
    /// One series. The labels are in the same order in all of a family.
    pub fn put(&mut self, labels: &[(&str, &str)], value: T) {
        self.put_ref(labels, &value);
    }
}

impl<T: ?Sized> Series<'_, T> {
    /// One series whose value is not copied.
    pub fn put_ref(&mut self, labels: &[(&str, &str)], value: &T) {
        let write = self.write;
        let written = self
            .encoder
            .encode_family(&labels)
            .and_then(|mut encoder| write(&mut encoder, value));
        self.result = self.result.and(written);
    }
}

impl<'a> Scrape<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self {
            encoder,
            result: Ok(()),
        }
    }

    pub(super) fn end(self) -> fmt::Result {
        self.result
    }

    /// Numbers that only grow. `name` ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, put: impl FnOnce(&mut Series<'_, u64>)) {
        self.family(name, help, MetricType::Counter, put, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
        });
    }

    /// Seconds that only grow. `name` ends in `_seconds_total`.
    pub fn seconds(&mut self, name: &str, help: &str, put: impl FnOnce(&mut Series<'_, f64>)) {
        self.family(name, help, MetricType::Counter, put, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, _, u64>(value, None)
        });
    }

    /// Numbers as of now.
    pub fn gauge(&mut self, name: &str, help: &str, put: impl FnOnce(&mut Series<'_, f64>)) {
        self.family(name, help, MetricType::Gauge, put, |encoder, value| {
            encoder.encode_gauge(value)
        });
    }

    /// How long things took. `name` ends in `_seconds`.
    pub fn histogram(&mut self, name: &str, help: &str, put: impl FnOnce(&mut Series<'_, Histogram>)) {
        self.family(name, help, MetricType::Histogram, put, |encoder, value| {
            let (buckets, count) = value.read();
            encoder.encode_histogram::<NoLabelSet>(value.sum().as_secs_f64(), count, &buckets, None)
        });
    }

    fn family<T: ?Sized>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        put: impl FnOnce(&mut Series<'_, T>),
        write: fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
    ) {
        // The encoder puts it back.
        let name = match kind {
            MetricType::Counter => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        let written = self
            .encoder
            .encode_descriptor(name, help, None, kind)
            .and_then(|encoder| {
                let mut series = Series {
                    encoder,
                    result: Ok(()),
                    write,
                };
                put(&mut series);
                series.result
            });
        self.result = self.result.and(written);
    }
}
