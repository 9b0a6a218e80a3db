//! Instants as croner reckons with them.

use std::cmp::Ordering;

use croner::{
    CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday, errors::CronError as CronerError,
};
use portcullis_core::clock::Timestamp;
use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// A whole second in UTC, which has no gaps and no doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Utc(PrimitiveDateTime);

impl Utc {
    /// The second in which `at` lies; none outside of the years that `time` knows.
    pub(super) fn of(at: Timestamp) -> Option<Self> {
        let time = OffsetDateTime::from_unix_timestamp(at.unix_seconds()).ok()?;
        Some(Self(PrimitiveDateTime::new(time.date(), time.time())))
    }

    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.assume_utc().unix_timestamp())
    }
}

fn of_civil(civil: CivilDateTime) -> Option<PrimitiveDateTime> {
    let small = |number: u32| u8::try_from(number).ok();
    let month = Month::try_from(small(civil.month())?).ok()?;
    let date = Date::from_calendar_date(civil.year(), month, small(civil.day())?).ok()?;
    let clock = civil.time();
    let time = Time::from_hms(
        small(clock.hour())?,
        small(clock.minute())?,
        small(clock.second())?,
    );
    Some(PrimitiveDateTime::new(date, time.ok()?))
}

impl CronDateTime for Utc {
    fn to_civil(&self) -> CivilDateTime {
        let (date, time) = (self.0.date(), self.0.time());
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(date.year(), u8::from(date.month()).into(), date.day().into()),
            CivilTime::from_parts_unchecked(time.hour().into(), time.minute().into(), time.second().into()),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().number_days_from_sunday().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronerError> {
        of_civil(civil)
            .map(|time| Resolution::Single(Self(time)))
            .ok_or(CronerError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(Duration::seconds(seconds)).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
