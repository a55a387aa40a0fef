//! Days and months of UTC, for spend caps.

const DAY_S: i64 = 86_400;

/// The day's number since the epoch.
pub(crate) fn day(at_s: i64) -> i64 {
    at_s.div_euclid(DAY_S)
}

/// The month's number: twelve a year, in order.
pub(crate) fn month(at_s: i64) -> i64 {
    let (year, month, _) = civil(day(at_s));
    year * 12 + month - 1
}

/// Seconds until the next midnight: 1 or more.
pub(crate) fn until_next_day(at_s: i64) -> u64 {
    u64::try_from(DAY_S - at_s.rem_euclid(DAY_S)).unwrap_or(1)
}

/// Seconds until the first midnight of the next month: 1 or more.
pub(crate) fn until_next_month(at_s: i64) -> u64 {
    let today = day(at_s);
    let this = month(at_s);
    // No month is longer than 31 days, so this ends.
    let days_more = (1..=30).find(|more| month((today + more) * DAY_S) != this).unwrap_or(31) - 1;
    until_next_day(at_s) + u64::try_from(days_more * DAY_S).unwrap_or(0)
}

/// Year, month (1 to 12) and day of a day's number, in the Gregorian calendar. A year begins in March here, so that the
/// leap day is its last: then a month's first day is a linear formula.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain way: days counted one by one from the epoch.
    fn counted() -> impl Iterator<Item = (i64, i64, i64)> {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut date = (1970, 1, 1);
        std::iter::from_fn(move || {
            let today = date;
            let length = match date.1 {
                2 => 28 + i64::from(leap(date.0)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            date.2 += 1;
            if date.2 > length {
                date = (date.0, date.1 + 1, 1);
            }
            if date.1 > 12 {
                date = (date.0 + 1, 1, 1);
            }
            Some(today)
        })
    }

    #[test]
    fn dates_agree_with_counting_for_two_centuries() {
        for (number, date) in (0..73_100).zip(counted()) {
            assert_eq!(civil(number), date);
        }
    }

    #[test]
    fn caps_end_at_the_boundaries_of_utc() {
        // 2024-02-28 23:59:59 in a leap year.
        let eve = 1_709_164_799;
        assert_eq!((until_next_day(eve), until_next_month(eve)), (1, 1 + 86_400));
        assert_eq!(day(eve) + 1, day(eve + 1));
        // 2023-12-31 00:00:00.
        let last = 1_703_980_800;
        assert_eq!((until_next_day(last), until_next_month(last)), (86_400, 86_400));
        assert_eq!(month(last) + 1, month(last + 86_400));
        // The first of a month of 31 days.
        assert_eq!(until_next_month(last + 86_400), 31 * 86_400);
        for at in (0..40_000_000).step_by(86_399) {
            let next = at + i64::try_from(until_next_month(at)).unwrap();
            assert_eq!((month(next), month(next - 1)), (month(at) + 1, month(at)), "{at}");
        }
    }
}
