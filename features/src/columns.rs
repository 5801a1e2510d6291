//! One table row names a column and computes it, so that schema and code cannot drift apart.

use crate::math::log2_1p;
use crate::times::REACH_S;

/// Declares a table of [`crate::schema::Feature`]s and the function that fills them, in the same order, from one list:
///
/// `name [unit, entity, window] "meaning" => value;` with `or default` before `=>` where the default is not 0. All of a table's
/// columns are of one group.
macro_rules! columns {
    ($table:ident, $fill:ident, $group:ident, |$cut:ident: &$type:ty| $( $name:ident [$unit:expr, $entity:expr, $window:expr] $meaning:literal $(or $default:expr)? => $value:expr; )*) => {
        pub(crate) const $table: &[$crate::schema::Feature] = &[ $( $crate::schema::Feature {
            name: stringify!($name),
            group: $crate::schema::Group::$group,
            meaning: $meaning,
            unit: $unit,
            entity: $entity,
            window: $window,
            default: 0.0 $( + $default )?,
        } ),* ];

        #[inline]
        pub(crate) fn $fill($cut: &$type, out: &mut [f32]) {
            out.copy_from_slice(&[ $( $value ),* ]);
        }
    };
}
pub(crate) use columns;

/// Units as stored.
pub(crate) const COUNT: &str = "log2(1+count)";
pub(crate) const SECONDS: &str = "log2(1+s)";
pub(crate) const MAJOR: &str = "log2(1+major units)";
pub(crate) const RATIO: &str = "log2(1+ratio)";
pub(crate) const SHARE: &str = "share 0..1";
pub(crate) const FLAG: &str = "0 or 1";
pub(crate) const DOUBLINGS: &str = "log2 ratio";
pub(crate) const DEVIATIONS: &str = "standard deviations";

/// Default of a time since something that did not happen within 30 days, as stored: just beyond all that did.
pub(crate) const NEVER_WITHIN_30D: f32 = log2_1p(REACH_S as f32);

/// 1 or 0.
pub(crate) fn flag(condition: bool) -> f32 {
    if condition { 1.0 } else { 0.0 }
}

/// A part of a whole, 0 where the whole is empty.
pub(crate) fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Reported payments among all, with a prior of one honest and some 0.01 reported payment, so that one report in two
/// payments weighs less than fifty in a hundred.
pub(crate) fn reported_share(reported: f32, payments: f32) -> f32 {
    if payments > 0.0 { ((reported + 0.01) / (payments + 1.0)).min(1.0) } else { 0.0 }
}

/// Payments that became known as fraud within a window among the payments made within it, smoothed as [`reported_share`]. Reports come
/// late, so that they may outnumber the payments.
pub(crate) fn reported_rate(reports: f32, payments: f32) -> f32 {
    if reports + payments > 0.0 { ((reports + 0.01) / (payments + 1.0)).min(1.0) } else { 0.0 }
}
