//! What a collection costs, in words: deleting before the days that a storage class charges at least.

use super::super::spending;
use crate::output::human;
use engine::maintenance::Early;
use ops::spending::PricedCollection;

/// For people; nothing where nothing goes early.
pub(super) fn in_words(priced: &PricedCollection) -> Option<String> {
    let Early { objects, bytes, days_left, cost } = priced.early;
    if objects == 0 {
        return None;
    }
    let days = if days_left == 1 { "1 day is".to_owned() } else { format!("up to {days_left} days are") };
    let price = match (cost, &*priced.estimate.prices) {
        (Some(cost), prices) => {
            format!("about {} by the prices of {prices}", spending::money(cost, &priced.estimate.currency))
        }
        (None, "") => "--prices tells what that costs".to_owned(),
        (None, prices) => format!("{prices} has no price for this"),
    };
    Some(format!(
        "{} ({}) before the days are over that the storage class charges at least: {days} left; {price}",
        human::counted(objects, "object goes", "objects go"),
        human::bytes(bytes),
    ))
}
