//! What the service answers, as values: pages of collections, errors, batches, tokens.
//!
//! Promises: an answer of any bytes gives a value or says what is wrong with it; numbers are read
//! whether they come as numbers or as text; what is not asked for is kept as it came. Refuses to
//! guess: a page with one entry that is not an item is no page.

mod batch;
mod error;
mod item;
mod page;
mod token;

pub use batch::{Part, batch_answer};
pub use error::{Fault, ServiceError, service_error};
pub use item::Item;
pub use page::{Page, page};
pub use token::{Token, TokenRefusal, token_answer};

/// Why an answer is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not what the service promises: {what}")]
pub struct Unexpected {
    what: String,
}

impl Unexpected {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Unexpected { what: what.into() }
    }
}
