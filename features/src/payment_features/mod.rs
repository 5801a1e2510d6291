//! The payment's own columns, group by group. Within a group first those stored as `log2(1+x)`, then the others as they are.
//!
//! In reading order: [`payment`] (what is asked for), [`velocity`] (exact windows), [`history`] (ages, gaps, habits), which
//! together are set v1; then what v2 adds: [`entity_windows`] (the week, large payments, recent level), [`reports`] (fraud
//! reported and known by now), [`neighbourhood`] (the sampled subgraph). Cost: about 5 µs a payment.

mod entity_windows;
mod history;
mod neighbourhood;
mod payment;
mod reports;
mod velocity;

use crate::math::log2_1p_each;
use crate::payment_cut::PaymentCut;
use crate::schema::Feature;

type Fill = fn(&PaymentCut<'_>, &mut [f32]);

/// A table, its filler, and whether the values are stored as `log2(1+x)`.
const GROUPS: [(&[Feature], Fill, bool); 12] = [
    (payment::LOG_COLUMNS, payment::fill_logs, true),
    (payment::PLAIN_COLUMNS, payment::fill_plain, false),
    (velocity::LOG_COLUMNS, velocity::fill_logs, true),
    (velocity::PLAIN_COLUMNS, velocity::fill_plain, false),
    (history::LOG_COLUMNS, history::fill_logs, true),
    (history::PLAIN_COLUMNS, history::fill_plain, false),
    (entity_windows::LOG_COLUMNS, entity_windows::fill_logs, true),
    (entity_windows::PLAIN_COLUMNS, entity_windows::fill_plain, false),
    (reports::LOG_COLUMNS, reports::fill_logs, true),
    (reports::PLAIN_COLUMNS, reports::fill_plain, false),
    (neighbourhood::LOG_COLUMNS, neighbourhood::fill_logs, true),
    (neighbourhood::PLAIN_COLUMNS, neighbourhood::fill_plain, false),
];

/// Tables of set v1, which comes first in the row.
const V1_GROUPS: usize = 6;
/// Number of columns of set v1.
pub(crate) const V1_WIDTH: usize = width_of(V1_GROUPS);
/// Number of columns.
pub(crate) const WIDTH: usize = width_of(GROUPS.len());

/// Columns of the first `groups` tables.
const fn width_of(groups: usize) -> usize {
    let (mut width, mut group) = (0, 0);
    while group < groups {
        width += GROUPS[group].0.len();
        group += 1;
    }
    width
}

/// Every column in order.
pub(crate) fn columns() -> impl Iterator<Item = Feature> {
    GROUPS.iter().flat_map(|(columns, _, _)| columns.iter().copied())
}

/// Fills all columns.
pub(crate) fn fill(cut: &PaymentCut<'_>, out: &mut Vec<f32>) {
    out.clear();
    out.resize(WIDTH, 0.0);
    let mut rest = &mut out[..];
    for (columns, fill, logs) in GROUPS {
        let (values, later) = rest.split_at_mut(columns.len());
        fill(cut, values);
        if logs {
            log2_1p_each(values);
        }
        rest = later;
    }
}
