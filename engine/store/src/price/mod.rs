//! Prices: what work on a store will cost, what it may cost, and what it has cost.
//!
//! Promises: prices are data ([`PriceList`], one TOML file for each provider and region, dated, easy to replace); an estimate is made before
//! anything is asked, a [`Budget`] refuses it before anything is spent, and what was spent is reckoned from counted requests alone. What a list does not name
//! has no price and is said to have none. Refuses to know discounts, free tiers and taxes, to ask anybody for prices, and to touch a store.
//!
//! ```text
//! plan -> Estimate (requests, bytes, seconds, cost) -> Budget::check -> work -> Spent (from store::Counts) -> "estimated / actual"
//! ```

mod budget;
mod estimate;
mod list;
mod spent;

pub use budget::Budget;
pub use estimate::{Estimate, Requests};
pub use list::{ClassPrices, Order, PriceList, Priced, RequestPrices, RetrievalPrice};
pub use spent::Spent;
